// The life of an order through wechatpay-go as it is, whose host is built in: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/downloader"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/services/merchantexclusivecoupon"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

const (
	appid      = "wx8888888888888888"
	outTradeNo = "GO20261125001"
	total      = 2900
)

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mchid := os.Getenv("WECHATPAY_MCHID")
	folder := os.Getenv("WECHATPAY_SANDBOX")

	privateKey, err := utils.LoadPrivateKeyWithPath(filepath.Join(folder, "apiclient_key.pem"))
	must("the private key", err)
	apiv3Key, serial := os.Getenv("WECHATPAY_APIV3_KEY"), os.Getenv("WECHATPAY_SERIAL")
	var cipher core.ClientOption
	var verifier auth.Verifier
	switch mode := os.Args[1]; mode {
	case "public-key":
		publicKey, err := utils.LoadPublicKeyWithPath(filepath.Join(folder, "pub_key.pem"))
		must("the public key", err)
		id, _, _ := strings.Cut(os.Getenv("WECHATPAY_CERTS"), "=")
		cipher = option.WithWechatPayPublicKeyAuthCipher(mchid, serial, privateKey, id, publicKey)
		verifier = verifiers.NewSHA256WithRSAPubkeyVerifier(id, *publicKey)
	case "certificates":
		// They are fetched by the SDK itself, with the APIv3 key.
		cipher = option.WithWechatPayAutoAuthCipher(mchid, serial, privateKey, apiv3Key)
	default:
		log.Fatalf("%s: wanted is public-key or certificates", mode)
	}
	client, err := core.NewClient(ctx, cipher)
	must("the client", err)
	if verifier == nil {
		certificates := downloader.MgrInstance().GetCertificateVisitor(mchid)
		verifier = verifiers.NewSHA256WithRSAVerifier(certificates)
	}

	// The notification comes to a server of this program's, which verifies and decrypts it.
	notified := make(chan *payments.Transaction, 1)
	handler, err := notify.NewRSANotifyHandler(apiv3Key, verifier)
	must("the handler of notifications", err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must("a server for notifications", err)
	go http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		transaction := new(payments.Transaction)
		if _, err := handler.ParseNotifyRequest(ctx, request, transaction); err != nil {
			log.Printf("a notification is refused: %v", err)
			answer.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer.WriteHeader(http.StatusNoContent)
		notified <- transaction
	}))
	notifyURL := fmt.Sprintf("http://%s/notify", listener.Addr())

	orders := native.NativeApiService{Client: client}
	prepaid, _, err := orders.Prepay(ctx, native.PrepayRequest{
		Appid:       core.String(appid),
		Mchid:       core.String(mchid),
		Description: core.String("QQ公仔"),
		OutTradeNo:  core.String(outTradeNo),
		NotifyUrl:   core.String(notifyURL),
		Amount:      &native.Amount{Total: core.Int64(total)},
	})
	must("the order", err)
	log.Printf("ordered: %s", *prepaid.CodeUrl)
	expectState(ctx, orders, mchid, "NOTPAY")

	pay := exec.CommandContext(ctx, os.Getenv("WECHATPAY"), "sandbox", "pay", outTradeNo)
	pay.Stderr = os.Stderr
	must("the payment", pay.Run())
	transaction := expectState(ctx, orders, mchid, "SUCCESS")
	log.Printf("paid: %s", *transaction.TransactionId)

	select {
	case told := <-notified:
		if *told.OutTradeNo != outTradeNo || *told.TransactionId != *transaction.TransactionId {
			log.Fatalf("the notification is about %v", told)
		}
		log.Printf("notified: %s", *told.TradeState)
	case <-ctx.Done():
		log.Fatal("no notification came")
	}

	refunds := refunddomestic.RefundsApiService{Client: client}
	refund, _, err := refunds.Create(ctx, refunddomestic.CreateRequest{
		OutTradeNo:  core.String(outTradeNo),
		OutRefundNo: core.String("R" + outTradeNo),
		Amount: &refunddomestic.AmountReq{
			Refund: core.Int64(total), Total: core.Int64(total), Currency: core.String("CNY"),
		},
	})
	must("the refund", err)
	refund, _, err = refunds.QueryByOutRefundNo(ctx, refunddomestic.QueryByOutRefundNoRequest{
		OutRefundNo: core.String("R" + outTradeNo),
	})
	must("the query of the refund", err)
	if *refund.Status != "SUCCESS" {
		log.Fatalf("the refund is %s", *refund.Status)
	}
	expectState(ctx, orders, mchid, "REFUND")
	log.Printf("refunded: %s", *refund.RefundId)

	coupons := merchantexclusivecoupon.CouponApiService{Client: client}
	_, result, err := coupons.QueryCoupon(ctx, merchantexclusivecoupon.QueryCouponRequest{
		Appid:      core.String(appid),
		Openid:     core.String("xsd3434454567676"),
		CouponCode: core.String("no-such-coupon"),
	})
	if err == nil || result.Response.StatusCode != http.StatusNotFound {
		log.Fatalf("a coupon that does not exist: %v", err)
	}
	fmt.Printf("the Go SDK with %s: all as it should be\n", os.Args[1])
}

// expectState queries the order and ends the program unless it is in this state.
func expectState(ctx context.Context, orders native.NativeApiService, mchid, state string) *payments.Transaction {
	transaction, _, err := orders.QueryOrderByOutTradeNo(ctx, native.QueryOrderByOutTradeNoRequest{
		OutTradeNo: core.String(outTradeNo),
		Mchid:      core.String(mchid),
	})
	must("the query of the order", err)
	if *transaction.TradeState != state {
		log.Fatalf("the order is %s, not %s", *transaction.TradeState, state)
	}
	return transaction
}

func must(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}
