//! APIv2 through the public API: what goes out, and what an answer is worth.

use bytes::Bytes;
use http::Response as HttpResponse;
use serde_json::{Value, json};
use wechatpay_chain::{
    Check, Client, ClientBuilder, Error, Media, NotificationV2, Request, Response, SignatureState,
    catalogue, hash, transformer,
};

use crate::support::{MERCHANT_KEY, PLATFORM_KEY, assert_says, body, header, recorded, target};

const MCHID: &str = "1900000109";
pub(crate) const SECRET: &str = "exposed_your_key_here_have_risks";
pub(crate) const MERCHANT_CERTIFICATE: &str = include_str!("../vectors/keys/merchant.crt");

fn builder() -> ClientBuilder {
    Client::builder().mchid(MCHID).secret(SECRET)
}

/// A client of APIv2 alone, without the certificate.
fn client() -> Client {
    builder().build().unwrap()
}

fn with_certificate() -> Client {
    let builder = builder().merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY);
    builder.build().unwrap()
}

/// A client of both halves.
fn both() -> Client {
    recorded(MCHID).secret(SECRET).build().unwrap()
}

fn order(client: &Client) -> Request {
    let query = client.v2().pay().orderquery();
    query.post(json!({ "appid": "wx1", "mch_id": MCHID, "out_trade_no": "MARKed1" }))
}

/// The fields of the XML that goes out.
fn sent(request: Request) -> Value {
    transformer::to_value(&body(request)).unwrap()
}

/// The same fields with the sign that WeChat Pay makes.
pub(crate) fn signed(mut fields: Value) -> String {
    let sign_type = match fields["sign_type"].as_str() {
        Some("HMAC-SHA256") => hash::SignType::HmacSha256,
        _ => hash::SignType::Md5,
    };
    fields["sign"] = hash::sign(sign_type, &fields, SECRET).into();
    transformer::to_xml(&fields)
}

fn success() -> Value {
    json!({
        "return_code": "SUCCESS", "return_msg": "OK", "result_code": "SUCCESS", "mch_id": MCHID,
        "nonce_str": "N0nce", "total_fee": "1", "attach": "",
    })
}

fn http(status: u16, body: impl Into<Bytes>) -> HttpResponse<Bytes> {
    let answer = HttpResponse::builder().status(status);
    answer.body(body.into()).unwrap()
}

fn answered(request: Request, answer: HttpResponse<Bytes>) -> Result<Response, Error> {
    let (_, accept) = request.into_parts().unwrap();
    accept.accept(answer)
}

#[track_caller]
fn refused(request: Request, says: &[&str]) {
    let error = request.into_http().unwrap_err();
    assert!(!error.may_have_been_sent());
    assert_says(&error, says);
    assert!(!error.to_string().contains("MARKed"), "{error}");
}

// What goes out

#[test]
fn requests_are_those_that_php_sent() {
    let recording = include_str!("../vectors/requests-v2.json");
    let recording: Value = serde_json::from_str(recording).unwrap();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let client = Client::builder()
        .mchid(text(&recording, "mchid"))
        .secret(text(&recording, "secret"))
        .merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY)
        .build()
        .unwrap();
    for case in recording["cases"].as_array().unwrap() {
        let path = case["keys"][0].as_str().unwrap();
        let sent = &case["sent"];
        let chain = client.chain(path);
        let request = chain.request(text(case, "method"), case["options"].clone());
        let request = request.into_http().unwrap();
        assert_eq!(request.method().as_str(), text(case, "method"));
        let known = catalogue::endpoints().find(|endpoint| endpoint.path() == path);
        let own_host = known.and_then(|endpoint| endpoint.host());
        let host = own_host.map_or_else(|| text(sent, "host"), str::to_owned);
        assert_eq!(request.uri().host(), Some(host.as_str()));
        assert_eq!(request.uri().scheme_str(), sent["scheme"].as_str());
        let target = request.uri().path_and_query().unwrap();
        assert_eq!(target.as_str(), text(sent, "target"));
        for (name, value) in sent["headers"].as_object().unwrap() {
            assert_eq!(header(&request, name), value.as_str().unwrap(), "{case}");
        }
        assert!(header(&request, "user-agent").starts_with("wechatpay-chain/"));
        assert!(!request.headers().contains_key("authorization"));
        assert_eq!(request.into_body(), text(sent, "body"), "{case}");
    }
}

#[test]
fn the_verbs_and_the_options_of_php_make_the_same_request() {
    let client = client();
    let fields = json!({ "mch_id": MCHID, "out_trade_no": "1", "nonce_str": "N0nce" });
    let by_verb = body(client.v2().pay().orderquery().post(&fields));
    let text = format!("mch_id={MCHID}&nonce_str=N0nce&out_trade_no=1");
    let sign = hash::sign(hash::SignType::Md5, &text, SECRET);
    assert_eq!(
        by_verb,
        format!(
            "<xml><mch_id>{MCHID}</mch_id><out_trade_no>1</out_trade_no>\
             <nonce_str>N0nce</nonce_str><sign>{sign}</sign></xml>"
        )
    );
    let chain = client.chain("v2/pay/orderquery");
    for options in [
        json!({ "xml": fields }),
        json!({ "xml": fields, "security": false, "nonceless": false, "debug": true }),
    ] {
        assert_eq!(body(chain.request("POST", options)), by_verb);
    }
    for path in ["V2/pay/orderquery", "/v2/pay/orderquery"] {
        let request = client.chain(path).post(&fields).into_http().unwrap();
        assert_eq!(request.uri().path(), "/pay/orderquery");
        assert_eq!(request.into_body(), by_verb);
    }
    for value in ["v2/pay/orderquery", "V2/pay/orderquery"] {
        let request = client.chain("{+x}").post(&fields).var("x", value);
        assert_eq!(target(request), "/pay/orderquery");
    }
    // The nonce is ours where none is given, and another one each time.
    let nonce = || sent(order(&client))["nonce_str"].clone();
    assert_eq!(nonce().as_str().unwrap().len(), 32);
    assert_ne!(nonce(), nonce());
    assert!(sent(order(&client).nonceless()).get("nonce_str").is_none());
    let nonceless = json!({ "xml": { "mch_id": MCHID }, "nonceless": true });
    assert!(
        sent(chain.request("POST", nonceless))
            .get("nonce_str")
            .is_none()
    );
    // Any verb but GET has a body.
    let put = client.chain("v2/x").put(&fields).into_http().unwrap();
    assert_eq!(put.into_body(), by_verb);
}

#[test]
fn a_caller_s_header_wins_but_for_the_authorization_that_apiv2_has_not() {
    let client = both();
    let request = order(&client)
        .header("Accept", "text/xml")
        .header("Authorization", "MARKed")
        .into_http()
        .unwrap();
    assert_eq!(header(&request, "accept"), "text/xml");
    assert_eq!(header(&request, "content-type"), "text/xml; charset=utf-8");
    assert!(!request.headers().contains_key("authorization"));
    let signed = client.chain("v3/certificates").get().into_http().unwrap();
    assert!(header(&signed, "authorization").starts_with("WECHATPAY2"));
}

#[test]
fn beside_the_fields_of_a_post_a_query_goes_unsigned() {
    let client = with_certificate();
    let path = client.chain("v2/secapi/mch/submchmanage?action=add");
    let request = path.post(json!({ "mch_id": MCHID })).query([("a", "b c")]);
    let request = request.into_http().unwrap();
    assert_eq!(
        request.uri().path_and_query().unwrap(),
        "/secapi/mch/submchmanage?action=add&a=b%20c"
    );
    let text = format!("mch_id={MCHID}");
    let sign = hash::sign(hash::SignType::Md5, &text, SECRET);
    let xml = format!("<xml><mch_id>{MCHID}</mch_id><sign>{sign}</sign></xml>");
    assert_eq!(request.into_body(), xml);
    refused(
        path.post(json!({ "mch_id": MCHID }))
            .query([("action", "x")]),
        &["action", "twice"],
    );
}

#[test]
fn a_get_is_signed_over_all_of_its_query_wherever_it_came_from() {
    let client = client();
    let fields = json!({
        "mch_id": MCHID, "yes": true, "no": false, "fee": 100.0, "url": "https://a/?b=c d",
    });
    let text = format!("fee=100&mch_id={MCHID}&plan=1+2&url=https://a/?b=c d&yes=1");
    let sign = hash::sign(hash::SignType::Md5, &text, SECRET);
    let rest =
        format!("mch_id={MCHID}&yes=1&no=&fee=100&url=https%3A%2F%2Fa%2F%3Fb%3Dc%20d&sign={sign}");
    let path = client.chain("v2/papay/entrustweb?plan=1%2B2");
    let request = path.get().query(&fields);
    assert_eq!(
        target(request),
        format!("/papay/entrustweb?plan=1%2B2&{rest}")
    );
    let several = client.v2().papay().entrustweb().get();
    let several = several.query([("plan", "1+2")]).query(&fields);
    assert_eq!(
        target(several),
        format!("/papay/entrustweb?plan=1%2B2&{rest}")
    );
    let entrust = || client.v2().papay().entrustweb().get();
    refused(
        entrust().query(&fields).query([("yes", "1")]),
        &["yes", "twice"],
    );
    refused(
        entrust().query(json!({ "mch_id": MCHID, "o": { "MARKed": 1 } })),
        &["o: an object", "flat"],
    );
    refused(
        entrust().query(&fields).body(json!({ "a": 1 })),
        &["GET", ".query()"],
    );
    refused(entrust(), &["none of mch_id"]);
    // The page that asks the user takes neither nonce nor sign.
    let authorize = client.v2().appauth().authindex().get();
    let authorize = authorize.query([("mch_id", MCHID), ("scope", "pay_identity")]);
    assert_eq!(
        target(authorize),
        format!("/appauth/authindex?mch_id={MCHID}&scope=pay_identity")
    );
}

#[test]
fn what_belongs_to_the_other_protocol_is_an_error_that_says_so() {
    let client = both();
    let v3 = client.chain("v3/pay/transactions/native");
    let v2 = client.chain("v2/pay/orderquery");
    let fields = json!({ "mch_id": MCHID, "MARKed": "MARKed" });
    refused(
        v2.request("POST", json!({ "json": fields })),
        &["the option json", "APIv3's", "APIv2", "`xml`"],
    );
    for options in [
        json!({ "xml": fields }),
        json!({ "security": true }),
        json!({ "nonceless": true }),
    ] {
        let name = options.as_object().unwrap().keys().next().unwrap().clone();
        refused(
            v3.request("POST", options),
            &[&format!("the option {name}"), "APIv2's", "a call of APIv3"],
        );
    }
    refused(v3.get().security(), &["security()", "APIv2's"]);
    refused(v3.get().nonceless(), &["nonceless()", "APIv2's"]);
    refused(
        v3.get().workwx_sign("MARKed"),
        &["workwx_sign()", "APIv2's"],
    );
    let url = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=x";
    refused(client.url(url).security(), &["security()", "APIv2's"]);
    #[cfg(feature = "aws-lc-rs")]
    for request in [
        v2.post(&fields).sensitive(["/MARKed"]),
        v2.post(&fields).sensitive_query(["MARKed"]),
        v2.post(&fields).sensitive_known(),
    ] {
        refused(request, &["sensitive", "APIv3's", "encrypt"]);
    }
    let options = json!({ "xml": fields, "body": "MARKed" });
    refused(
        v2.request("POST", options),
        &["xml and body", "one of them"],
    );
    for value in [json!("MARKed"), json!(1), json!(null)] {
        let options = json!({ "xml": fields, "security": value });
        refused(v2.request("POST", options), &["security", "true or false"]);
    }
}

#[test]
fn what_can_t_be_signed_is_refused_before_anything_is_sent() {
    let client = both();
    let path = client.chain("v2/pay/unifiedorder");
    let xml = format!("<xml><mch_id>{MCHID}</mch_id><a>MARKed</a></xml>");
    for text in [
        path.post(xml.as_str()),
        path.post(xml.clone().into_bytes()),
        path.post(json!(xml)),
        path.request("POST", json!({ "body": xml })),
        path.request("POST", json!({ "xml": xml })),
    ] {
        refused(
            text,
            &["v2/pay/unifiedorder", "ready text", "sign can't be known"],
        );
    }
    refused(path.post(()), &["none of mch_id"]);
    refused(
        path.post(json!({ "xml": { "a": 1 } })),
        &["xml on top", ".request("],
    );
    let nested = json!({ "mch_id": MCHID, "scene_info": { "store_info": { "id": "MARKed" } } });
    refused(path.post(nested), &["scene_info: an object", "as a string"]);
    refused(
        path.post(json!({ "mch_id": "1900000110" })),
        &["1900000110", MCHID],
    );
    let media = Media::new("a.png", "MARKed").field("mch_id", MCHID);
    let meta = media.clone().meta(json!({ "MARKed": 1 }));
    refused(path.post(meta), &["meta is APIv3's"]);
    refused(
        path.post(media.field("mch_id", MCHID)),
        &["mch_id", "twice"],
    );
    refused(client.chain("v2/").post(()), &["none of mch_id"]);
}

#[test]
fn an_upload_is_a_form_whose_fields_are_signed_and_whose_file_is_not() {
    let client = with_certificate();
    let media = Media::new("a.jpg", "content")
        .field("mch_id", MCHID)
        .field("media_hash", hash::md5("content", ""))
        .field("sign_type", "HMAC-SHA256");
    let path = client.v2().secapi().mch().uploadmedia();
    let request = path.post(media).into_http().unwrap();
    assert_eq!(
        header(&request, "accept"),
        "text/xml, text/plain, application/x-gzip"
    );
    let form = header(&request, "content-type");
    let boundary = form.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = format!(
        "mch_id={MCHID}&media_hash={}&sign_type=HMAC-SHA256",
        hash::md5("content", "")
    );
    let sign = hash::sign(hash::SignType::HmacSha256, &text, SECRET);
    let fields = text.split('&').map(|pair| pair.split_once('=').unwrap());
    let part = |(name, value): (&str, &str)| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let parts: String = fields.chain([("sign", sign.as_str())]).map(part).collect();
    let expected = format!(
        "{parts}--{boundary}\r\nContent-Disposition: form-data; name=\"media\"; \
         filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\ncontent\r\n--{boundary}--\r\n"
    );
    assert_eq!(request.into_body(), expected);
}

#[test]
fn enterprise_wechat_s_sign_is_made_over_the_fields_that_are_known_or_given() {
    let client = with_certificate();
    let red_packet = json!({
        "mch_id": MCHID, "wxappid": "wx1", "mch_billno": "B1", "re_openid": "o1",
        "total_amount": 100, "act_name": "节日", "nonce_str": "n",
    });
    let path = client.v2().mmpaymkttransfers().sendworkwxredpack();
    let text = "act_name=节日&mch_billno=B1&mch_id=1900000109&nonce_str=n&re_openid=o1&\
                total_amount=100&wxappid=wx1";
    let known = sent(path.post(&red_packet).workwx_sign("agent"));
    let sign = hash::md5_agency(text, "agent").to_uppercase();
    assert_eq!(known["workwx_sign"], sign);
    let own = path
        .post(&red_packet)
        .workwx_sign_of("agent", ["wxappid", "act_name"]);
    let sign = hash::md5_agency("act_name=节日&wxappid=wx1", "agent").to_uppercase();
    let own = sent(own);
    assert_eq!(own["workwx_sign"], sign);
    // It is part of what APIv2 signs.
    assert_eq!(own["sign"], hash::sign(hash::SignType::Md5, &own, SECRET));
    let elsewhere = client.chain("v2/x").post(&red_packet).workwx_sign("MARKed");
    refused(elsewhere, &["workwx_sign", "a list of the fields"]);
}

#[test]
fn an_endpoint_has_its_own_host_unless_a_base_uri_was_given() {
    let client = with_certificate();
    let key = || json!({ "mch_id": MCHID });
    let host = |request: Request| {
        let request = request.into_http().unwrap();
        request.uri().host().unwrap().to_owned()
    };
    assert_eq!(host(order(&client)), "api.mch.weixin.qq.com");
    let path = client.v2().risk().getpublickey();
    assert_eq!(host(path.post(key())), "fraud.mch.weixin.qq.com");
    let own = "https://api2.mch.weixin.qq.com/";
    assert_eq!(
        host(path.post(key()).base_uri(own)),
        "api2.mch.weixin.qq.com"
    );
    let builder = builder().merchant(MERCHANT_CERTIFICATE, MERCHANT_KEY);
    let client = builder
        .base_uri("https://proxy.example/wechat")
        .build()
        .unwrap();
    let path = client.v2().risk().getpublickey();
    let request = path.post(key()).into_http().unwrap();
    assert_eq!(
        request.uri(),
        "https://proxy.example/wechat/risk/getpublickey"
    );
    // What the path alone says of the answer holds under a prefix.
    let unsigned = "<xml><return_code>SUCCESS</return_code></xml>";
    assert!(
        !answered(path.post(key()), http(200, unsigned))
            .unwrap()
            .verified()
    );
}

// The merchant certificate

#[test]
fn a_request_that_needs_the_certificate_is_refused_without_one() {
    let refund = |client: &Client| {
        let path = client.v2().secapi().pay().refund();
        path.post(json!({ "mch_id": MCHID, "out_refund_no": "MARKed" }))
    };
    let without = client();
    for request in [
        refund(&without),
        order(&without).security(),
        without
            .chain("{+x}")
            .post(())
            .var("x", "V2/secapi/pay/refund"),
    ] {
        let error = request.into_http().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
        assert_says(
            &error,
            &["certificate", "this client has none", "apiclient_cert.pem"],
        );
    }
    let error = refund(&without).wait().unwrap_err();
    assert_says(&error, &["POST v2/secapi/pay/refund", "certificate"]);
    for with in [
        with_certificate(),
        // The merchant's also serves APIv2.
        recorded(MCHID)
            .secret(SECRET)
            .merchant_certificate(MERCHANT_CERTIFICATE)
            .build()
            .unwrap(),
        // These two alone are no half of APIv3.
        builder()
            .merchant_certificate(MERCHANT_CERTIFICATE)
            .private_key(MERCHANT_KEY)
            .build()
            .unwrap(),
        Client::factory(json!({
            "mchid": MCHID, "secret": SECRET, "serial": "nop", "privateKey": "any",
            "certs": { "any": null },
            "merchant": { "cert": MERCHANT_CERTIFICATE, "key": MERCHANT_KEY },
        }))
        .unwrap(),
    ] {
        refund(&with).into_http().unwrap();
        order(&with).security().into_http().unwrap();
    }
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/keys");
    let of_paths = Client::factory(json!({
        "mchid": MCHID, "secret": SECRET,
        "merchant": {
            "cert": format!("{keys}/merchant.crt"),
            "key": [format!("{keys}/merchant.encrypted.key"), MCHID],
        },
    }));
    refund(&of_paths.unwrap()).into_http().unwrap();
    // One that was made for another key than the one that is here can't be presented.
    let other = builder()
        .serial("AB01")
        .private_key(PLATFORM_KEY)
        .merchant_certificate(MERCHANT_CERTIFICATE)
        .apiv3_key("0123456789abcdef0123456789abcdef")
        .build()
        .unwrap();
    let error = refund(&other).into_http().unwrap_err();
    assert_says(&error, &["certificate"]);
    // Plain http to this machine has no certificates.
    refund(&without)
        .base_uri("http://127.0.0.1:1/")
        .into_http()
        .unwrap();
}

// Answers

#[test]
fn an_answer_is_data_whose_sign_was_checked() {
    let client = client();
    for mut fields in [success(), {
        let mut fields = success();
        fields["sign_type"] = "HMAC-SHA256".into();
        fields
    }] {
        fields["body"] = "<b>&".into();
        let response = answered(order(&client), http(200, signed(fields.clone()))).unwrap();
        assert!(response.verified());
        let data = response.data().unwrap();
        assert_eq!(
            (&data["body"], &data["total_fee"]),
            (&json!("<b>&"), &json!("1"))
        );
        #[derive(serde::Deserialize)]
        struct Order {
            total_fee: String,
        }
        assert_eq!(response.json::<Order>().unwrap().total_fee, "1");
        let error = response.json::<u8>().unwrap_err();
        assert!(matches!(error, Error::Decode(_)));
        assert!(!error.to_string().contains("line 0"), "{error}");
        assert!(response.text().starts_with("<xml>"));
        #[cfg(feature = "aws-lc-rs")]
        assert_says(&response.decrypt(["/body"]).unwrap_err(), &["APIv2"]);
    }
}

#[test]
fn an_answer_whose_sign_is_absent_or_wrong_is_not_trusted() {
    let client = client();
    let judged = |body: String| {
        let error = answered(order(&client), http(200, body)).unwrap_err();
        let Error::Verify(verify) = &error else {
            panic!("{error}");
        };
        assert!(error.may_have_been_sent() && !error.is_retryable());
        assert_says(&error, &["v2/pay/orderquery", "query before repeating it"]);
        assert!(!error.to_string().contains("MARKed"), "{error}");
        (verify.check().clone(), error)
    };
    let (check, error) = judged(signed(success()).replace("<total_fee>1", "<total_fee>MARKed"));
    assert_eq!(check, Check::WrongSign);
    assert_says(&error, &["sign does not fit", "APIv2 key"]);
    let text = error.signed_message().unwrap();
    assert!(text.ends_with("&return_msg=OK&total_fee=MARKed"), "{text}");
    assert!(!text.contains(SECRET));
    assert!(error.into_response().unwrap().body().starts_with(b"<xml>"));
    let (check, error) = judged(transformer::to_xml(&success()));
    assert_eq!(check, Check::NoSign);
    assert_says(&error, &["has no sign"]);
    assert!(
        error
            .signed_message()
            .unwrap()
            .contains("out_trade_no=MARKed1")
    );
    let (check, error) = judged("<xml><a>1</a></xml>".to_owned());
    assert_eq!(check, Check::NoCode);
    assert_says(&error, &["no return_code", "proxy"]);
    for body in [
        "",
        "MARKed",
        "<html><title>MARKed</title></html>",
        "<xml><a>",
    ] {
        let error = answered(order(&client), http(200, body)).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
        assert_says(&error, &["POST v2/pay/orderquery"]);
        assert!(error.may_have_been_sent());
    }
}

#[test]
fn a_no_is_an_error_of_the_api_in_every_dialect() {
    let client = with_certificate();
    let no = |request: Request, status: u16, body: String| {
        let error = answered(request, http(status, body)).unwrap_err();
        let Error::Api(api) = &error else {
            panic!("{error}");
        };
        let said = (api.code().to_owned(), api.message().to_owned());
        (said, api.signature(), error)
    };
    let said = |code: &str, message: &str| (code.to_owned(), message.to_owned());
    let fail = json!({ "return_code": "FAIL", "return_msg": "签名错误" });
    let (words, signature, error) = no(order(&client), 200, transformer::to_xml(&fail));
    assert_eq!(words, said("FAIL", "签名错误"));
    assert_eq!(signature, SignatureState::Absent);
    assert_says(&error, &["POST v2/pay/orderquery: 200 FAIL: 签名错误"]);
    let mut fields = success();
    fields["result_code"] = "FAIL".into();
    fields["err_code"] = "SYSTEMERROR".into();
    fields["err_code_des"] = "系统错误".into();
    let (words, signature, error) = no(order(&client), 200, signed(fields));
    assert_eq!(words, said("SYSTEMERROR", "系统错误"));
    assert_eq!(signature, SignatureState::Verified);
    assert!(!error.is_retryable());
    assert_says(&error, &["its effect is unknown"]);
    let packet = client.v2().mmpaymkttransfers().sendredpack();
    let packet = packet.post(json!({ "mch_id": MCHID }));
    let old = "<xml><return_code>SUCCESS</return_code><result_code>FAIL</result_code>\
               <error_code>E1</error_code><return_msg>m</return_msg></xml>";
    assert_eq!(no(packet, 200, old.to_owned()).0, said("E1", "m"));
    let token = client.v2().appauth().getaccesstoken().get();
    let token = token.query([("mch_id", MCHID)]);
    let (words, ..) = no(
        token,
        200,
        json!({ "retcode": 1, "retmsg": "m" }).to_string(),
    );
    assert_eq!(words, said("1", "m"));
    let bill = client.v2().pay().downloadbill();
    let bill = bill.post(json!({ "mch_id": MCHID }));
    let (words, ..) = no(bill, 200, transformer::to_xml(&fail));
    assert_eq!(words, said("FAIL", "签名错误"));
    // Of an endpoint that is not there.
    let absent = client
        .chain("v2/pay/orderquerry")
        .post(json!({ "mch_id": MCHID }));
    let (.., error) = no(absent, 404, String::new());
    assert_says(&error, &["404", "did you mean v2/pay/orderquery"]);
}

#[test]
fn the_gateway_s_page_about_a_missing_certificate_says_so() {
    let page = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n\
                <body>\r\n<center><h1>400 Bad Request</h1></center></body></html>";
    let error = answered(order(&client()), http(400, page)).unwrap_err();
    let api = error.api().unwrap();
    assert_eq!(api.status(), 400);
    assert_eq!(
        (api.code(), api.message()),
        ("", "400 No required SSL certificate was sent")
    );
    assert!(api.hint().unwrap().contains("merchant certificate"));
    assert_says(
        &error,
        &["No required SSL certificate was sent", ".security()"],
    );
    let error = answered(
        order(&client()),
        http(502, "<html><title>Bad</title></html>"),
    );
    let error = error.unwrap_err();
    assert_says(&error, &["502: Bad", "its effect is unknown"]);
    assert_eq!(error.api().unwrap().hint(), None);
}

#[test]
fn an_answer_for_the_user_s_browser_is_a_response() {
    let client = client();
    let there = "https://payapp.weixin.qq.com/x?a=1";
    let redirect = || {
        let answer = HttpResponse::builder()
            .status(302)
            .header("Location", there);
        answer.body(Bytes::new()).unwrap()
    };
    let query = [("mch_id", MCHID)];
    for path in [
        "v2/appauth/authindex",
        "v2/papay/entrustweb",
        "v2/papay/partner/h5entrustweb",
    ] {
        let response = answered(client.chain(path).get().query(query), redirect()).unwrap();
        assert_eq!(
            (response.status().as_u16(), response.location()),
            (302, Some(there))
        );
        assert!(!response.verified());
        assert_eq!(response.data().unwrap(), Value::Null);
    }
    let page = client.v2().papay().entrustweb().get().query(query);
    let response = answered(page, http(200, "<html>a page</html>")).unwrap();
    assert!(!response.verified() && response.text().contains("a page"));
    let error = answered(order(&client), redirect()).unwrap_err();
    let Error::Redirect(error) = &error else {
        panic!("{error}");
    };
    assert_eq!(error.location(), Some(there));
}

#[test]
fn a_download_is_text_and_json_is_read_where_it_comes() {
    let client = client();
    let bill = || {
        let path = client.v2().pay().downloadbill();
        path.post(json!({ "mch_id": MCHID, "bill_date": "20240101" }))
    };
    for body in [
        &b"\xef\xbb\xbf\xe4\xba\xa4\xe6\x98\x93\r\n"[..],
        b"\x1f\x8b\x08\x00",
    ] {
        let response = answered(bill(), http(200, body)).unwrap();
        assert_eq!(response.bytes(), body);
        assert!(!response.verified());
    }
    let token = client.v2().appauth().getaccesstoken().get();
    let answer = json!({ "retcode": 0, "access_token": "MARKed" });
    let response = answered(
        token.query([("mch_id", MCHID)]),
        http(200, answer.to_string()),
    );
    let response = response.unwrap();
    assert_eq!(response.data().unwrap(), answer);
    assert!(!format!("{response:?}").contains("MARKed"));
}

#[test]
fn a_verifier_and_certificates_to_be_fetched_have_no_part_in_it() {
    let fetching = Client::builder()
        .mchid(MCHID)
        .serial("AB01")
        .private_key(MERCHANT_KEY)
        .apiv3_key("0123456789abcdef0123456789abcdef")
        .secret(SECRET)
        .build()
        .unwrap();
    let (_, accept) = order(&fetching).into_parts().unwrap();
    accept.accept(http(200, signed(success()))).unwrap();
    let (_, accept) = order(&fetching).sign().wait().unwrap();
    accept.accept(http(200, signed(success()))).unwrap();
    let error = fetching.chain("v3/x").get().into_parts().unwrap_err();
    assert_says(&error, &["still to be fetched"]);
}

// Notifications

fn payment() -> Value {
    let mut fields = success();
    fields["out_trade_no"] = "MARKed1".into();
    fields
}

fn refund(secret: &str) -> String {
    let inner = "<root><out_refund_no>R1</out_refund_no><refund_status>SUCCESS</refund_status>\
                 <refund_fee>1</refund_fee></root>";
    let key = hash::md5(secret, "");
    let req_info = wechatpay_chain::aes_ecb::encrypt(inner, key).unwrap();
    format!(
        "<xml><return_code>SUCCESS</return_code><appid>wx1</appid><mch_id>{MCHID}</mch_id>\
         <nonce_str>n</nonce_str><req_info><![CDATA[{req_info}]]></req_info></xml>"
    )
}

#[test]
fn a_notification_is_a_payment_s_or_a_refund_s() {
    let client = client();
    for sign_type in ["MD5", "HMAC-SHA256"] {
        let mut fields = payment();
        fields["sign_type"] = sign_type.into();
        let event = client.notification_v2(signed(fields)).unwrap();
        assert!(!event.is_refund() && event.envelope().is_none());
        assert_eq!(event.data()["out_trade_no"], "MARKed1");
        assert!(!format!("{event:?}").contains("MARKed"));
    }
    let event = client.notification_v2(refund(SECRET)).unwrap();
    assert!(event.is_refund());
    assert_eq!(
        *event.data(),
        json!({ "out_refund_no": "R1", "refund_status": "SUCCESS", "refund_fee": "1" })
    );
    assert_eq!(event.envelope().unwrap()["appid"], "wx1");
    #[derive(serde::Deserialize)]
    struct Refund {
        refund_fee: String,
    }
    assert_eq!(event.json::<Refund>().unwrap().refund_fee, "1");
    assert!(matches!(event.json::<u8>(), Err(Error::Decode(_))));
    assert_eq!(
        NotificationV2::reply_ok(),
        "<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg></xml>"
    );
    let reply = transformer::to_value(&NotificationV2::reply_fail("<no>")).unwrap();
    assert_eq!(
        reply,
        json!({ "return_code": "FAIL", "return_msg": "<no>" })
    );
}

#[test]
fn a_notification_that_can_t_be_trusted_says_why() {
    let client = client();
    let check = |body: String| {
        let error = client.notification_v2(body).unwrap_err();
        let Error::Verify(verify) = &error else {
            panic!("{error}");
        };
        assert!(!error.may_have_been_sent());
        assert!(!error.to_string().contains("MARKed"), "{error}");
        (verify.check().clone(), error)
    };
    let (wrong, error) = check(signed(payment()).replace("<total_fee>1", "<total_fee>2"));
    assert_eq!(wrong, Check::WrongSign);
    assert!(error.signed_message().unwrap().ends_with("total_fee=2"));
    let (absent, error) = check(transformer::to_xml(&payment()));
    assert_eq!(absent, Check::NoSign);
    assert_says(
        &error,
        &["neither the sign of a payment nor the req_info of a refund"],
    );
    let mut other = payment();
    other["mch_id"] = "1900000110".into();
    let (check_of_other, error) = check(signed(other));
    assert!(matches!(
        check_of_other,
        Check::OtherMerchant {
            field: "mch_id",
            ..
        }
    ));
    assert_says(&error, &["another merchant's", "mch_id is \"1900000110\""]);
    assert_says(&check(String::new()).1, &["empty"]);
    assert_says(&check("x".repeat(1024 * 1024 + 1)).1, &["larger than 1 MB"]);
    for body in ["{}", "<xml><a>", "MARKed"] {
        let error = client.notification_v2(body).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
    }
    let error = client.notification_v2(refund("another key")).unwrap_err();
    assert_says(&error, &["APIv2 key"]);
    let v3_only = recorded(MCHID).build().unwrap();
    let error = v3_only.notification_v2(signed(payment())).unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert_says(&error, &["secret", "APIv2 key"]);
}
