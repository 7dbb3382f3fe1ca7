//! The merchant's orders and refunds, and what can become of them. Both versions of the API share
//! them; each has its own words for what is refused here.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{compact, day};
use crate::limits::{Limits, Rate};
use crate::payments;
use crate::random::Random;
use crate::voucher::{self, Voucher};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// How long a prepay_id and a code_url are good.
const PREPAY: i64 = 120 * MINUTE;
/// How long an h5_url is good.
const PREPAY_H5: i64 = 5 * MINUTE;
/// After this an unpaid order is closed.
const UNPAID: i64 = 7 * DAY;
/// How long a payment by code can be reversed.
const REVERSIBLE: i64 = 7 * DAY;
/// How long a payment can be refunded.
const REFUNDABLE: i64 = 365 * DAY;
/// How many refunds an order can have.
const REFUNDS: usize = 50;
/// After this a payment is so old that its refund counts towards another rate.
const LATE: i64 = 30 * DAY;

/// The user who pays when the order names none.
const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// How the user pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeType {
    Jsapi,
    Native,
    App,
    H5,
    /// The merchant scans the user's code.
    Micropay,
}

impl TradeType {
    /// As an order or a notification says it: H5 is `MWEB`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jsapi => "JSAPI",
            Self::Native => "NATIVE",
            Self::App => "APP",
            Self::H5 => "MWEB",
            Self::Micropay => "MICROPAY",
        }
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TradeState {
    NotPay,
    Success,
    Refund,
    Closed,
    UserPaying,
    PayError,
    Revoked,
}

impl TradeState {
    /// `trade_state`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotPay => "NOTPAY",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Closed => "CLOSED",
            Self::UserPaying => "USERPAYING",
            Self::PayError => "PAYERROR",
            Self::Revoked => "REVOKED",
        }
    }

    /// `trade_state_desc`.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::NotPay => "订单未支付",
            Self::Success => "支付成功",
            Self::Refund => "订单发生过退款，退款详情请查询退款单",
            Self::Closed => "订单已关闭",
            Self::UserPaying => "用户支付中，需要输入密码",
            Self::PayError => "支付失败(其他原因，如银行返回失败)",
            Self::Revoked => "订单已撤销",
        }
    }
}

/// Which version of the API an order came by, and so is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    #[default]
    Apiv3,
    Apiv2,
}

/// What an order says that only its answers and notifications repeat. Empty where it doesn't.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) notify_url: String,
    /// The merchant for which a partner orders.
    pub(crate) sub_mchid: String,
    pub(crate) sub_appid: String,
    pub(crate) sub_openid: String,
    pub(crate) device_id: String,
    /// How APIv2's notification is signed.
    pub(crate) sign_type: &'static str,
    /// Whether it came to the paths of WeChat Pay's own sandbox.
    pub(crate) is_trial: bool,
}

/// What a merchant orders.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) out_trade_no: String,
    pub(crate) appid: String,
    pub(crate) trade_type: TradeType,
    /// In fen.
    pub(crate) total: u64,
    /// Empty where the order names none.
    pub(crate) openid: String,
    pub(crate) attach: String,
    /// Until when it can be paid, in seconds since 1970; `None` where the order doesn't say.
    pub(crate) time_expire: Option<i64>,
    /// Everything that must be the same when the number is used again.
    pub(crate) parameters: String,
    pub(crate) terms: Terms,
}

/// An order as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) draft: Draft,
    pub(crate) state: TradeState,
    /// The latest one; those before are void. Empty for a payment by code.
    pub(crate) prepay_id: String,
    pub(crate) payment: Option<Payment>,
    created: i64,
    prepaid: i64,
    /// What is promised to be given back, in fen.
    refunded: u64,
    /// The `out_refund_no` of its refunds, the oldest first.
    refunds: Vec<String>,
    /// When the latest refund was applied for.
    refunded_at: Option<i64>,
    /// Who scanned its code_url, where a test says who.
    scanned_by: Option<String>,
}

/// That an order was paid.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) transaction_id: String,
    pub(crate) openid: String,
    pub(crate) vouchers: Vec<Voucher>,
    /// In seconds since 1970.
    pub(crate) at: i64,
}

/// Who pays, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Payer<'a> {
    /// Empty for the one that the order names, or any.
    pub(crate) openid: &'a str,
    /// The coupon that pays a part of it, in fen.
    pub(crate) coupon: Option<(voucher::Kind, u64)>,
}

impl Order {
    fn new(draft: Draft, prepay_id: String, now: i64) -> Self {
        Self {
            prepay_id,
            state: TradeState::NotPay,
            payment: None,
            created: now,
            prepaid: now,
            refunded: 0,
            refunds: Vec::new(),
            refunded_at: None,
            scanned_by: None,
            draft,
        }
    }

    /// What time alone does to it.
    fn age(&mut self, now: i64) {
        if self.state == TradeState::NotPay && now >= self.created + UNPAID {
            self.state = TradeState::Closed;
        }
    }

    /// Whether the user's time is over. Sooner than a minute after the order it never is.
    fn is_expired(&self, now: i64) -> bool {
        let end = self.draft.time_expire;
        end.is_some_and(|end| now >= end.max(self.created + MINUTE))
    }

    /// Whether the user can pay it, and if not, why.
    fn is_payable(&self, now: i64) -> Result<(), NotPaid> {
        let is_h5 = self.draft.trade_type == TradeType::H5;
        match self.state {
            TradeState::UserPaying => Ok(()),
            TradeState::NotPay if self.is_expired(now) => Err(NotPaid::Void),
            TradeState::NotPay if is_h5 && now >= self.prepaid + PREPAY_H5 => Err(NotPaid::VoidH5),
            TradeState::NotPay if now >= self.prepaid + PREPAY => Err(NotPaid::Void),
            TradeState::NotPay => Ok(()),
            TradeState::Success | TradeState::Refund => Err(NotPaid::Paid),
            TradeState::Closed | TradeState::PayError | TradeState::Revoked => Err(NotPaid::Void),
        }
    }

    /// Whether this user can pay it, and if not, why. A code_url is the first one's who scans it.
    fn is_for(&mut self, openid: &str) -> Result<(), NotPaid> {
        if openid.is_empty() {
            return Ok(());
        }
        let ordered = &self.draft.openid;
        if !ordered.is_empty() && ordered != openid {
            return Err(NotPaid::OtherUser);
        }
        if self.draft.trade_type != TradeType::Native {
            return Ok(());
        }
        let scanned_by = self.scanned_by.get_or_insert_with(|| openid.to_owned());
        if scanned_by == openid {
            Ok(())
        } else {
            Err(NotPaid::OtherScanner)
        }
    }

    fn pay(&mut self, transaction_id: String, openid: &str, vouchers: Vec<Voucher>, now: i64) {
        let openid = match (openid, &self.scanned_by) {
            ("", Some(scanned_by)) => scanned_by,
            (openid, _) => openid,
        };
        let openid = match (openid, &*self.draft.openid) {
            ("", "") => OPENID,
            ("", openid) | (openid, _) => openid,
        };
        self.payment = Some(Payment {
            transaction_id,
            openid: openid.to_owned(),
            vouchers,
            at: now,
        });
        self.state = TradeState::Success;
    }
}

/// Which of its two numbers an order is asked for by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number<'a> {
    OutTradeNo(&'a str),
    TransactionId(&'a str),
}

/// Why an order is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPlaced {
    /// There were too many in this second.
    TooFast,
    /// The number has an unpaid order with other parameters.
    Different,
    Paid,
    Closed,
    /// The number was closed before it was ever ordered.
    Burnt,
    /// The order of this number can't be paid any more.
    Expired,
}

/// Why an order is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotClosed {
    Paid,
    /// The user is about to type a password.
    UserPaying,
    /// A payment by code is reversed, not closed.
    Micropay,
}

/// Why the user can't pay an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPaid {
    Unknown,
    Paid,
    /// Closed, expired, or its prepay_id is too old.
    Void,
    /// An h5_url is too old.
    VoidH5,
    /// It was ordered for another user.
    OtherUser,
    /// Another user scanned its code_url.
    OtherScanner,
    /// The coupon is over more than the order.
    Coupon,
}

impl fmt::Display for NotPaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such order",
            Self::Paid => "it is paid already: 该订单已支付",
            Self::Void => "it is closed or expired: 该订单已失效，请重新下单",
            Self::VoidH5 => "its h5_url is older than 5 minutes: 支付请求已失效，请重新发起支付",
            Self::OtherUser => "it was ordered for another user: 下单账号与支付账号不一致",
            Self::OtherScanner => {
                "another user scanned its code_url: 商家订单信息有误，请重新下单支付"
            }
            Self::Coupon => "the coupon is over more than the order",
        })
    }
}

/// What comes of a payment by code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    Paid,
    /// The user has to type a password.
    Password,
    Fails,
}

/// Why a payment by code is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCharged {
    /// There were too many in this second.
    TooFast,
    /// The number is that of an order of another kind, of another amount, or of a failed payment.
    Used,
    Paid,
    Reversed,
    /// The code was used before.
    CodeUsed,
}

/// Why a payment by code is not reversed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReversed {
    Unknown,
    /// It was no payment by code, or was refunded.
    Impossible,
    /// It is more than 7 days old.
    TooLate,
}

/// What a merchant wants to give back.
#[derive(Clone, Debug)]
pub(crate) struct RefundDraft<'a> {
    pub(crate) order: Number<'a>,
    pub(crate) out_refund_no: &'a str,
    /// What the order was over, in fen.
    pub(crate) total: u64,
    /// In fen.
    pub(crate) amount: u64,
    /// Where the refund ends, which is as soon as it was accepted.
    pub(crate) end: RefundState,
    /// Whom it is for, where the merchant says so: a partner's merchant.
    pub(crate) sub_mchid: Option<&'a str>,
    pub(crate) version: Version,
    pub(crate) notify_url: &'a str,
    pub(crate) funds_account: &'a str,
    /// Out of which accounts, and how much of each, in fen; empty where the merchant doesn't say.
    pub(crate) from: Vec<(String, u64)>,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundState {
    Processing,
    /// The money is back.
    Success,
    /// It ended, and no money moved.
    Closed,
    /// The user's card takes no money.
    Abnormal,
}

impl RefundState {
    /// `status`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Closed => "CLOSED",
            Self::Abnormal => "ABNORMAL",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [
            Self::Processing,
            Self::Success,
            Self::Closed,
            Self::Abnormal,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }
}

/// A refund. It ends as soon as it was accepted; whoever accepts it still sees it in process.
#[derive(Clone, Debug)]
pub(crate) struct Refund {
    pub(crate) refund_id: String,
    pub(crate) out_refund_no: String,
    pub(crate) out_trade_no: String,
    pub(crate) transaction_id: String,
    /// What the order was over, in fen.
    pub(crate) total: u64,
    /// In fen.
    pub(crate) amount: u64,
    pub(crate) state: RefundState,
    /// In seconds since 1970.
    pub(crate) created: i64,
    /// When it ended, in seconds since 1970.
    pub(crate) at: i64,
    /// The order's.
    pub(crate) sub_mchid: String,
    pub(crate) version: Version,
    pub(crate) notify_url: String,
    pub(crate) funds_account: String,
    pub(crate) from: Vec<(String, u64)>,
    /// What the order was paid with beside money.
    pub(crate) vouchers: Vec<Voucher>,
}

impl Refund {
    /// How it is divided.
    pub(crate) fn shares(&self) -> voucher::Shares {
        voucher::refund_shares(self.amount, self.total, &self.vouchers)
    }

    /// How its order was.
    pub(crate) fn order_shares(&self) -> voucher::Shares {
        voucher::shares(self.total, &self.vouchers)
    }
}

/// Why a refund is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRefunded {
    /// There were too many in this second.
    TooFast,
    /// There were too many of old payments in this minute.
    TooFastForOld,
    /// There was one of the same order less than a minute ago.
    TooSoon,
    /// The merchant has less than this.
    NotEnough,
    /// There is no such order.
    Unknown,
    /// The order is that of another of the partner's merchants.
    OtherMerchant,
    NotPaid,
    Closed,
    Revoked,
    /// The amounts are not those of the order, or of the refund that has this number.
    Mismatch,
    /// More than what is left.
    TooMuch,
    NothingLeft,
    /// More than 50 refunds of one order.
    TooMany,
    /// More than a year after the payment.
    TooLate,
}

/// What came of an application for a refund.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    /// As the application's answer shows it.
    pub(crate) refund: Refund,
    /// As it stands after that; `None` for a repeat, which changes nothing.
    pub(crate) ended: Option<Refund>,
}

/// Why an abnormal refund can't be sent elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRedirected {
    Unknown,
    /// It isn't abnormal.
    NotAbnormal,
}

/// By which number refunds are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RefundNumber<'a> {
    RefundId(&'a str),
    OutRefundNo(&'a str),
    /// All refunds of an order.
    Order(Number<'a>),
}

/// A merchant and one of its numbers.
type Key = (String, String);

struct State {
    random: Random,
    /// What each merchant has, in fen: what was paid, less what was given back.
    balances: HashMap<String, i64>,
    /// What each merchant took out, in fen.
    withdrawn: HashMap<String, u64>,
    limits: Limits,
    /// By `out_trade_no`.
    orders: HashMap<Key, Order>,
    /// The numbers that were closed before they were ever ordered.
    burnt: HashSet<Key>,
    /// The `out_trade_no` of a `transaction_id`.
    transactions: HashMap<Key, String>,
    /// By `out_refund_no`.
    refunds: HashMap<Key, Refund>,
    /// The `out_refund_no` of a `refund_id`.
    refund_ids: HashMap<Key, String>,
    /// The codes that were scanned.
    codes: HashSet<String>,
    /// How many numbers were given out.
    count: u64,
}

impl State {
    fn new(random: Random, is_limited: bool) -> Self {
        Self {
            random,
            balances: HashMap::new(),
            withdrawn: HashMap::new(),
            limits: Limits::new(is_limited),
            orders: HashMap::new(),
            burnt: HashSet::new(),
            transactions: HashMap::new(),
            refunds: HashMap::new(),
            refund_ids: HashMap::new(),
            codes: HashSet::new(),
            count: 0,
        }
    }

    /// 36 characters.
    fn prepay_id(&self, now: i64) -> String {
        let time: String = compact(now).chars().skip(6).collect();
        let digits = self.random.text(b"0123456789abcdef", 26);
        format!("wx{time}{digits}")
    }

    /// Books this much, in fen, for a merchant.
    fn book(&mut self, merchant: &str, amount: u64) {
        *self.balance(merchant) += i64::try_from(amount).unwrap_or(i64::MAX);
    }

    /// Takes this much, in fen, from a merchant.
    fn unbook(&mut self, merchant: &str, amount: u64) {
        *self.balance(merchant) -= i64::try_from(amount).unwrap_or(i64::MAX);
    }

    /// Whether a merchant has this much, in fen.
    fn has(&mut self, merchant: &str, amount: u64) -> bool {
        i64::try_from(amount).is_ok_and(|amount| *self.balance(merchant) >= amount)
    }

    fn balance(&mut self, merchant: &str) -> &mut i64 {
        self.balances.entry(merchant.to_owned()).or_default()
    }

    /// The key of the order that has this number.
    fn key(&self, merchant: &str, number: Number<'_>) -> Option<Key> {
        match number {
            Number::OutTradeNo(out_trade_no) => Some(key(merchant, out_trade_no)),
            Number::TransactionId(transaction_id) => {
                let out_trade_no = self.transactions.get(&key(merchant, transaction_id))?;
                Some(key(merchant, out_trade_no))
            }
        }
    }

    /// The order that has this number, as old as it is now.
    fn order(&mut self, merchant: &str, number: Number<'_>, now: i64) -> Option<&mut Order> {
        let key = self.key(merchant, number)?;
        let order = self.orders.get_mut(&key)?;
        order.age(now);
        Some(order)
    }

    /// A number that was not given out before: 28 digits that begin with 4200.
    fn transaction_id(&mut self, now: i64) -> String {
        self.count += 1;
        format!("4200000001{}{:010}", day(now), self.count)
    }

    /// A number that was not given out before: 29 digits that begin with 5030.
    fn refund_id(&mut self, now: i64) -> String {
        self.count += 1;
        format!("50300000001{}{:010}", day(now), self.count)
    }

    /// A coupon that a user pays with.
    fn voucher(&mut self, (kind, amount): (voucher::Kind, u64)) -> Voucher {
        self.count += 1;
        Voucher {
            id: format!("{}", 10_000_000_000 + self.count),
            kind,
            amount,
        }
    }

    /// Has an order paid that can be.
    fn pay(&mut self, merchant: &str, out_trade_no: &str, payer: Payer<'_>, now: i64) {
        let order = self.orders.get(&key(merchant, out_trade_no));
        let trial = order.filter(|order| order.draft.terms.is_trial);
        let trial = trial.map_or(&[][..], |order| voucher::of_trial(order.draft.total));
        let coupons = payer.coupon.into_iter().chain(trial.iter().copied());
        let coupons: Vec<_> = coupons.collect();
        let coupons = coupons.into_iter().map(|coupon| self.voucher(coupon));
        let vouchers = coupons.collect();
        let transaction_id = self.transaction_id(now);
        if let Some(order) = self.orders.get_mut(&key(merchant, out_trade_no)) {
            order.pay(transaction_id.clone(), payer.openid, vouchers, now);
            let total = order.draft.total;
            self.transactions
                .insert(key(merchant, &transaction_id), out_trade_no.to_owned());
            self.book(merchant, total);
        }
    }

    /// Gives money back, once for each `out_refund_no`.
    fn refund(
        &mut self,
        merchant: &str,
        draft: RefundDraft<'_>,
        now: i64,
    ) -> Result<Applied, NotRefunded> {
        let known = self.refunds.get(&key(merchant, draft.out_refund_no));
        let known = known.cloned();
        let order = self.order(merchant, draft.order, now);
        let order = order.ok_or(NotRefunded::Unknown)?;
        let ordered = &order.draft.terms.sub_mchid;
        if draft.sub_mchid.is_some_and(|given| given != ordered) {
            return Err(NotRefunded::OtherMerchant);
        }
        match order.state {
            TradeState::Success | TradeState::Refund => {}
            TradeState::NotPay | TradeState::UserPaying | TradeState::PayError => {
                return Err(NotRefunded::NotPaid);
            }
            TradeState::Closed => return Err(NotRefunded::Closed),
            TradeState::Revoked => return Err(NotRefunded::Revoked),
        }
        let Some(payment) = order.payment.clone() else {
            return Err(NotRefunded::NotPaid);
        };
        let out_trade_no = order.draft.out_trade_no.clone();
        if let Some(known) = known {
            let is_same = known.out_trade_no == out_trade_no
                && known.total == draft.total
                && known.amount == draft.amount;
            return if is_same {
                Ok(Applied {
                    refund: known,
                    ended: None,
                })
            } else {
                Err(NotRefunded::Mismatch)
            };
        }
        if draft.total != order.draft.total {
            return Err(NotRefunded::Mismatch);
        }
        let left = order.draft.total.saturating_sub(order.refunded);
        if left == 0 {
            return Err(NotRefunded::NothingLeft);
        }
        if draft.amount > left {
            return Err(NotRefunded::TooMuch);
        }
        if order.refunds.len() >= REFUNDS {
            return Err(NotRefunded::TooMany);
        }
        if now > payment.at + REFUNDABLE {
            return Err(NotRefunded::TooLate);
        }
        let moved = match draft.end {
            RefundState::Closed => 0,
            _ => draft.amount,
        };
        let refunded_at = order.refunded_at;
        if !self.has(merchant, moved) {
            return Err(NotRefunded::NotEnough);
        }
        let is_soon = refunded_at.is_some_and(|at| now < at + MINUTE);
        if is_soon && self.limits.is_kept() {
            return Err(NotRefunded::TooSoon);
        }
        if now > payment.at + LATE && !self.limits.take(merchant, Rate::LateRefund, now) {
            return Err(NotRefunded::TooFastForOld);
        }
        let order = self.order(merchant, draft.order, now);
        let order = order.ok_or(NotRefunded::Unknown)?;
        order.refunded += moved;
        order.refunds.push(draft.out_refund_no.to_owned());
        order.refunded_at = Some(now);
        order.state = TradeState::Refund;
        let sub_mchid = order.draft.terms.sub_mchid.clone();
        let refund = Refund {
            refund_id: self.refund_id(now),
            out_refund_no: draft.out_refund_no.to_owned(),
            out_trade_no,
            transaction_id: payment.transaction_id,
            total: draft.total,
            amount: draft.amount,
            state: RefundState::Processing,
            created: now,
            at: now,
            sub_mchid,
            version: draft.version,
            notify_url: draft.notify_url.to_owned(),
            funds_account: draft.funds_account.to_owned(),
            from: draft.from,
            vouchers: payment.vouchers,
        };
        self.unbook(merchant, moved);
        let ended = Refund {
            state: draft.end,
            ..refund.clone()
        };
        self.refund_ids.insert(
            key(merchant, &refund.refund_id),
            refund.out_refund_no.clone(),
        );
        self.refunds
            .insert(key(merchant, &refund.out_refund_no), ended.clone());
        Ok(Applied {
            refund,
            ended: Some(ended),
        })
    }
}

fn key(merchant: &str, number: &str) -> Key {
    (merchant.to_owned(), number.to_owned())
}

/// All orders, refunds and balances, by merchant.
pub(crate) struct Book {
    pub(crate) orders: Vec<(String, Order)>,
    pub(crate) refunds: Vec<(String, Refund)>,
    /// In fen.
    pub(crate) balances: Vec<(String, i64)>,
    /// What was taken out, in fen.
    pub(crate) withdrawn: HashMap<String, u64>,
}

/// All orders and refunds of all merchants.
pub(crate) struct Orders {
    state: Mutex<State>,
}

impl Orders {
    /// `is_limited` has WeChat Pay's rates kept.
    pub(crate) fn new(random: Random, is_limited: bool) -> Self {
        Self {
            state: Mutex::new(State::new(random, is_limited)),
        }
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        let random = state.random.clone();
        random.reset();
        *state = State::new(random, state.limits.is_kept());
    }

    /// Takes this much, in fen, out of what a merchant has; `None` when there is less.
    pub(crate) fn withdraw(&self, merchant: &str, amount: u64) -> Option<()> {
        let mut state = self.lock();
        if !state.has(merchant, amount) {
            return None;
        }
        state.unbook(merchant, amount);
        *state.withdrawn.entry(merchant.to_owned()).or_default() += amount;
        Some(())
    }

    /// Everything there is, for whoever looks on.
    pub(crate) fn book(&self, now: i64) -> Book {
        let mut state = self.lock();
        let mut orders: Vec<(String, Order)> = Vec::new();
        for ((merchant, _), order) in &mut state.orders {
            order.age(now);
            orders.push((merchant.clone(), order.clone()));
        }
        let mut refunds: Vec<(String, Refund)> = Vec::new();
        for ((merchant, _), refund) in &state.refunds {
            refunds.push((merchant.clone(), refund.clone()));
        }
        let mut balances: Vec<(String, i64)> = Vec::new();
        for (merchant, balance) in &state.balances {
            balances.push((merchant.clone(), *balance));
        }
        orders.sort_by(|(one, a), (other, b)| {
            (one, &a.draft.out_trade_no).cmp(&(other, &b.draft.out_trade_no))
        });
        refunds.sort_by(|(one, a), (other, b)| {
            (one, &a.out_refund_no).cmp(&(other, &b.out_refund_no))
        });
        balances.sort();
        Book {
            orders,
            refunds,
            balances,
            withdrawn: state.withdrawn.clone(),
        }
    }

    /// Accepts an order, or gives a new prepay_id for the one that has the same parameters.
    pub(crate) fn place(&self, merchant: &str, draft: Draft, now: i64) -> Result<Order, NotPlaced> {
        let mut state = self.lock();
        let key = key(merchant, &draft.out_trade_no);
        if state.burnt.contains(&key) {
            return Err(NotPlaced::Burnt);
        }
        let is_limited = draft.trade_type == TradeType::Jsapi;
        if is_limited && !state.limits.take(merchant, Rate::Order, now) {
            return Err(NotPlaced::TooFast);
        }
        let prepay_id = state.prepay_id(now);
        let number = Number::OutTradeNo(&draft.out_trade_no);
        let Some(order) = state.order(merchant, number, now) else {
            let order = Order::new(draft, prepay_id, now);
            state.orders.insert(key, order.clone());
            return Ok(order);
        };
        match order.state {
            TradeState::Success | TradeState::Refund => Err(NotPlaced::Paid),
            TradeState::Closed | TradeState::Revoked => Err(NotPlaced::Closed),
            TradeState::UserPaying | TradeState::PayError => Err(NotPlaced::Different),
            TradeState::NotPay if order.draft.parameters != draft.parameters => {
                Err(NotPlaced::Different)
            }
            TradeState::NotPay if order.is_expired(now) => Err(NotPlaced::Expired),
            TradeState::NotPay => {
                order.prepay_id = prepay_id;
                order.prepaid = now;
                order.scanned_by = None;
                Ok(order.clone())
            }
        }
    }

    /// An order as it stands.
    pub(crate) fn find(&self, merchant: &str, number: Number<'_>, now: i64) -> Option<Order> {
        self.lock().order(merchant, number, now).cloned()
    }

    /// Whether another merchant has a payment of this number.
    pub(crate) fn belongs_to_another(&self, merchant: &str, transaction_id: &str) -> bool {
        let state = self.lock();
        let mut known = state.transactions.keys();
        known.any(|(owner, number)| number == transaction_id && owner != merchant)
    }

    /// Closes an order. A number without one can't be used any more.
    pub(crate) fn close(
        &self,
        merchant: &str,
        out_trade_no: &str,
        now: i64,
    ) -> Result<(), NotClosed> {
        let mut state = self.lock();
        let Some(order) = state.order(merchant, Number::OutTradeNo(out_trade_no), now) else {
            state.burnt.insert(key(merchant, out_trade_no));
            return Ok(());
        };
        match order.state {
            TradeState::Success | TradeState::Refund => Err(NotClosed::Paid),
            TradeState::UserPaying => Err(NotClosed::UserPaying),
            _ if order.draft.trade_type == TradeType::Micropay => Err(NotClosed::Micropay),
            _ => {
                order.state = TradeState::Closed;
                Ok(())
            }
        }
    }

    /// The number of the order whose code_url this is; earlier ones of it are void.
    pub(crate) fn scanned(&self, merchant: &str, code_url: &str) -> Option<String> {
        let state = self.lock();
        let mut orders = state.orders.iter();
        let found = orders.find(|((owner, _), order)| {
            owner == merchant
                && order.draft.trade_type == TradeType::Native
                && payments::code_url(&order.prepay_id) == code_url
        });
        found.map(|((_, out_trade_no), _)| out_trade_no.clone())
    }

    /// Has the user pay an order.
    pub(crate) fn pay(
        &self,
        merchant: &str,
        out_trade_no: &str,
        payer: Payer<'_>,
        now: i64,
    ) -> Result<Order, NotPaid> {
        let mut state = self.lock();
        let number = Number::OutTradeNo(out_trade_no);
        let order = state.order(merchant, number, now).ok_or(NotPaid::Unknown)?;
        order.is_payable(now)?;
        order.is_for(payer.openid)?;
        let total = order.draft.total;
        if payer.coupon.is_some_and(|(_, amount)| amount > total) {
            return Err(NotPaid::Coupon);
        }
        state.pay(merchant, out_trade_no, payer, now);
        state
            .order(merchant, number, now)
            .cloned()
            .ok_or(NotPaid::Unknown)
    }

    /// Has the user's payment fail, which is to be tried again; one by code has ended with that,
    /// unless the user only cancelled it.
    pub(crate) fn fail(
        &self,
        merchant: &str,
        out_trade_no: &str,
        openid: &str,
        is_cancelled: bool,
        now: i64,
    ) -> Result<(), NotPaid> {
        let mut state = self.lock();
        let number = Number::OutTradeNo(out_trade_no);
        let order = state.order(merchant, number, now).ok_or(NotPaid::Unknown)?;
        order.is_payable(now)?;
        order.is_for(openid)?;
        if order.state == TradeState::UserPaying {
            order.state = if is_cancelled {
                TradeState::NotPay
            } else {
                TradeState::PayError
            };
        }
        Ok(())
    }

    /// Has the user pay by a code that was scanned; repeated while the user is paying, it is the
    /// same payment.
    pub(crate) fn charge(
        &self,
        merchant: &str,
        draft: Draft,
        code: &str,
        charge: Charge,
        now: i64,
    ) -> Result<Order, NotCharged> {
        let mut state = self.lock();
        let out_trade_no = draft.out_trade_no.clone();
        let number = Number::OutTradeNo(&out_trade_no);
        if !state.limits.take(merchant, Rate::Charge, now) {
            return Err(NotCharged::TooFast);
        }
        if state.burnt.contains(&key(merchant, &out_trade_no)) {
            return Err(NotCharged::Used);
        }
        if let Some(order) = state.order(merchant, number, now) {
            return match order.state {
                TradeState::Success | TradeState::Refund => Err(NotCharged::Paid),
                TradeState::Revoked => Err(NotCharged::Reversed),
                TradeState::UserPaying if order.draft.parameters == draft.parameters => {
                    Ok(order.clone())
                }
                _ => Err(NotCharged::Used),
            };
        }
        if !state.codes.insert(code.to_owned()) {
            return Err(NotCharged::CodeUsed);
        }
        let mut order = Order::new(draft, String::new(), now);
        order.state = match charge {
            Charge::Paid | Charge::Password => TradeState::UserPaying,
            Charge::Fails => TradeState::PayError,
        };
        state
            .orders
            .insert(key(merchant, &out_trade_no), order.clone());
        if charge == Charge::Paid {
            state.pay(merchant, &out_trade_no, Payer::default(), now);
        }
        let paid = state.order(merchant, number, now);
        Ok(paid.cloned().unwrap_or(order))
    }

    /// Ends a payment by code; if it was paid, the money goes back.
    pub(crate) fn reverse(
        &self,
        merchant: &str,
        number: Number<'_>,
        now: i64,
    ) -> Result<(), NotReversed> {
        let mut state = self.lock();
        let order = state.order(merchant, number, now);
        let order = order.ok_or(NotReversed::Unknown)?;
        if order.draft.trade_type != TradeType::Micropay || order.state == TradeState::Refund {
            return Err(NotReversed::Impossible);
        }
        if order.state != TradeState::Revoked && now >= order.created + REVERSIBLE {
            return Err(NotReversed::TooLate);
        }
        let back = match order.state {
            TradeState::Success => order.draft.total,
            _ => 0,
        };
        order.state = TradeState::Revoked;
        state.unbook(merchant, back);
        Ok(())
    }

    /// Gives money back, once for each `out_refund_no`.
    pub(crate) fn refund(
        &self,
        merchant: &str,
        draft: RefundDraft<'_>,
        now: i64,
    ) -> Result<Applied, NotRefunded> {
        let mut state = self.lock();
        for rate in [Rate::Refund, Rate::RefusedRefund] {
            if state.limits.is_full(merchant, rate, now) {
                return Err(NotRefunded::TooFast);
            }
        }
        let result = state.refund(merchant, draft, now);
        let rate = match &result {
            Ok(_) => Rate::Refund,
            Err(_) => Rate::RefusedRefund,
        };
        state.limits.count(merchant, rate, now);
        result
    }

    /// Sends the money of an abnormal refund elsewhere, where it arrives.
    pub(crate) fn redirect(
        &self,
        merchant: &str,
        refund_id: &str,
        out_refund_no: &str,
        now: i64,
    ) -> Result<Applied, NotRedirected> {
        let mut state = self.lock();
        let refund = state.refunds.get_mut(&key(merchant, out_refund_no));
        let refund = refund.filter(|refund| refund.refund_id == refund_id);
        let refund = refund.ok_or(NotRedirected::Unknown)?;
        if refund.state != RefundState::Abnormal {
            return Err(NotRedirected::NotAbnormal);
        }
        refund.state = RefundState::Success;
        refund.at = now;
        let ended = refund.clone();
        Ok(Applied {
            refund: Refund {
                state: RefundState::Processing,
                ..ended.clone()
            },
            ended: Some(ended),
        })
    }

    /// Ends a refund that is in process, or that was abnormal, so; `None` when there is none.
    pub(crate) fn end_refund(
        &self,
        merchant: &str,
        out_refund_no: &str,
        end: RefundState,
        now: i64,
    ) -> Option<Refund> {
        let mut state = self.lock();
        let refund = state.refunds.get_mut(&key(merchant, out_refund_no))?;
        let is_open = matches!(
            refund.state,
            RefundState::Processing | RefundState::Abnormal
        );
        if !is_open {
            return None;
        }
        refund.state = end;
        refund.at = now;
        let refund = refund.clone();
        if end == RefundState::Closed {
            state.book(merchant, refund.amount);
            let order = state.orders.get_mut(&key(merchant, &refund.out_trade_no));
            if let Some(order) = order {
                order.refunded = order.refunded.saturating_sub(refund.amount);
            }
        }
        Some(refund)
    }

    /// The refunds that have this number, the oldest first.
    pub(crate) fn refunds(&self, merchant: &str, number: RefundNumber<'_>) -> Vec<Refund> {
        let state = self.lock();
        let numbers = match number {
            RefundNumber::OutRefundNo(out_refund_no) => vec![out_refund_no.to_owned()],
            RefundNumber::RefundId(refund_id) => {
                let number = state.refund_ids.get(&key(merchant, refund_id));
                number.cloned().into_iter().collect()
            }
            RefundNumber::Order(number) => {
                let key = state.key(merchant, number);
                let order = key.and_then(|key| state.orders.get(&key));
                order.map(|order| order.refunds.clone()).unwrap_or_default()
            }
        };
        numbers
            .into_iter()
            .filter_map(|number| state.refunds.get(&key(merchant, &number)).cloned())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const MERCHANT: &str = "1900000109";
    const CODE: &str = "130000000000000001";

    fn draft(out_trade_no: &str, trade_type: TradeType) -> Draft {
        Draft {
            out_trade_no: out_trade_no.to_owned(),
            appid: "wx8888888888888888".to_owned(),
            trade_type,
            total: 100,
            openid: String::new(),
            attach: String::new(),
            time_expire: None,
            parameters: String::new(),
            terms: Terms::default(),
        }
    }

    fn placed(out_trade_no: &str, trade_type: TradeType) -> Orders {
        let orders = Orders::new(Random::new(1), false);
        let draft = draft(out_trade_no, trade_type);
        orders.place(MERCHANT, draft, NOW).unwrap();
        orders
    }

    fn refund<'a>(out_trade_no: &'a str, out_refund_no: &'a str, amount: u64) -> RefundDraft<'a> {
        RefundDraft {
            order: Number::OutTradeNo(out_trade_no),
            out_refund_no,
            total: 100,
            amount,
            end: RefundState::Success,
            sub_mchid: None,
            version: Version::Apiv3,
            notify_url: "",
            funds_account: "",
            from: Vec::new(),
        }
    }

    #[test]
    fn a_prepay_id_is_good_for_two_hours_and_an_h5_url_for_five_minutes() {
        for (trade_type, life, expected) in [
            (TradeType::Native, 7200, NotPaid::Void),
            (TradeType::Jsapi, 7200, NotPaid::Void),
            (TradeType::H5, 300, NotPaid::VoidH5),
        ] {
            let orders = placed("A", trade_type);
            let late = orders.pay(MERCHANT, "A", Payer::default(), NOW + life);
            assert_eq!(late.unwrap_err(), expected);
            // Ordered again, it can be paid again.
            orders
                .place(MERCHANT, draft("A", trade_type), NOW + life)
                .unwrap();
            assert!(
                orders
                    .pay(MERCHANT, "A", Payer::default(), NOW + 2 * life - 1)
                    .is_ok()
            );
        }
    }

    #[test]
    fn an_order_expires_when_it_says_so_but_not_within_its_first_minute() {
        for (expire, end) in [(NOW + 600, NOW + 600), (NOW + 1, NOW + 60), (0, NOW + 60)] {
            let orders = Orders::new(Random::new(1), false);
            let mut expiring = draft("A", TradeType::Native);
            expiring.time_expire = Some(expire);
            orders.place(MERCHANT, expiring.clone(), NOW).unwrap();
            let refused = orders
                .pay(MERCHANT, "A", Payer::default(), end)
                .unwrap_err();
            assert_eq!(refused, NotPaid::Void);
            let again = orders.place(MERCHANT, expiring, end).unwrap_err();
            assert_eq!(again, NotPlaced::Expired);
            // It can't be paid, and is not closed for that.
            let order = orders.find(MERCHANT, Number::OutTradeNo("A"), end).unwrap();
            assert_eq!(order.state, TradeState::NotPay);
            assert!(orders.pay(MERCHANT, "A", Payer::default(), end - 1).is_ok());
        }
    }

    #[test]
    fn an_order_is_closed_when_it_was_not_paid_for_seven_days() {
        let orders = placed("A", TradeType::Native);
        let number = Number::OutTradeNo("A");
        let order = orders.find(MERCHANT, number, NOW + 7 * DAY - 1).unwrap();
        assert_eq!(order.state, TradeState::NotPay);
        let order = orders.find(MERCHANT, number, NOW + 7 * DAY).unwrap();
        assert_eq!(order.state, TradeState::Closed);
        let again = draft("A", TradeType::Native);
        let again = orders.place(MERCHANT, again, NOW + 7 * DAY);
        assert_eq!(again.unwrap_err(), NotPlaced::Closed);
    }

    #[test]
    fn a_payment_is_refunded_within_a_year_and_reversed_within_a_week() {
        let orders = placed("A", TradeType::Native);
        orders.pay(MERCHANT, "A", Payer::default(), NOW).unwrap();
        let year = NOW + 365 * DAY;
        let in_time = orders.refund(MERCHANT, refund("A", "R1", 1), year);
        assert!(in_time.is_ok());
        let late = orders.refund(MERCHANT, refund("A", "R2", 1), year + 1);
        assert_eq!(late.unwrap_err(), NotRefunded::TooLate);
        // What was refunded then still is.
        let known = orders.refund(MERCHANT, refund("A", "R1", 1), year + 1);
        assert_eq!(known.unwrap().refund.at, year);

        let charged = draft("B", TradeType::Micropay);
        let charged = orders.charge(MERCHANT, charged, CODE, Charge::Paid, NOW);
        assert_eq!(charged.unwrap().state, TradeState::Success);
        let number = Number::OutTradeNo("B");
        let late = orders.reverse(MERCHANT, number, NOW + 7 * DAY);
        assert_eq!(late.unwrap_err(), NotReversed::TooLate);
        assert!(orders.reverse(MERCHANT, number, NOW + 7 * DAY - 1).is_ok());
        assert!(orders.reverse(MERCHANT, number, NOW + 7 * DAY).is_ok());
    }

    #[test]
    fn numbers_are_each_merchants_own() {
        let orders = placed("A", TradeType::Native);
        let number = Number::OutTradeNo("A");
        assert!(orders.find("1900000110", number, NOW).is_none());
        let unknown = orders
            .pay("1900000110", "A", Payer::default(), NOW)
            .unwrap_err();
        assert_eq!(unknown, NotPaid::Unknown);
        let paid = orders.pay(MERCHANT, "A", Payer::default(), NOW).unwrap();
        let transaction_id = paid.payment.unwrap().transaction_id;
        let number = Number::TransactionId(&transaction_id);
        assert!(orders.find(MERCHANT, number, NOW).is_some());
        assert!(orders.find("1900000110", number, NOW).is_none());
        let other = orders.place("1900000110", draft("A", TradeType::App), NOW);
        assert_eq!(other.unwrap().state, TradeState::NotPay);
    }

    #[test]
    fn a_refund_number_of_another_order_is_a_mismatch() {
        let orders = placed("A", TradeType::Native);
        let other = draft("B", TradeType::Native);
        orders.place(MERCHANT, other, NOW).unwrap();
        orders.pay(MERCHANT, "A", Payer::default(), NOW).unwrap();
        orders.pay(MERCHANT, "B", Payer::default(), NOW).unwrap();
        orders.refund(MERCHANT, refund("A", "R", 1), NOW).unwrap();
        let refused = orders.refund(MERCHANT, refund("B", "R", 1), NOW);
        assert_eq!(refused.unwrap_err(), NotRefunded::Mismatch);
        assert_eq!(
            orders
                .refunds(MERCHANT, RefundNumber::OutRefundNo("R"))
                .len(),
            1
        );
        let of_other = RefundNumber::Order(Number::OutTradeNo("B"));
        assert!(orders.refunds(MERCHANT, of_other).is_empty());
    }

    #[test]
    fn rates_are_kept_where_they_are_wanted() {
        let orders = Orders::new(Random::new(1), true);
        let month = NOW + 31 * DAY;
        let give_back = |number: &str, at: i64| {
            let refunded = orders.refund(MERCHANT, refund(number, number, 1), at);
            refunded.err()
        };
        for index in 0..5_001_u32 {
            let number = index.to_string();
            orders
                .place(MERCHANT, draft(&number, TradeType::Native), NOW)
                .unwrap();
            orders
                .pay(MERCHANT, &number, Payer::default(), NOW)
                .unwrap();
        }
        // 150 a second of payments that are not old.
        for index in 0..150 {
            assert_eq!(give_back(&index.to_string(), NOW), None);
        }
        assert_eq!(give_back("150", NOW), Some(NotRefunded::TooFast));
        // 5,000 a minute of those that are.
        let minute = month - month.rem_euclid(60);
        for index in 0..5_000_i64 {
            let number = (index + 1).to_string();
            let draft = RefundDraft {
                out_refund_no: &format!("late{number}"),
                ..refund(&number, "", 1)
            };
            let refunded = orders.refund(MERCHANT, draft, minute + index / 149);
            assert!(refunded.is_ok(), "{index} {refunded:?}");
        }
        let late = refund("0", "late0", 1);
        let refused = orders.refund(MERCHANT, late.clone(), minute + 59);
        assert_eq!(refused.unwrap_err(), NotRefunded::TooFastForOld);
        assert!(orders.refund(MERCHANT, late, minute + 60).is_ok());
        // 33 payments by code and 500 orders of JSAPI a second.
        for (trade_type, most) in [(TradeType::Micropay, 33), (TradeType::Jsapi, 500)] {
            for index in 0..=most {
                let number = format!("{}{index}", trade_type.name());
                let draft = draft(&number, trade_type);
                let is_done = if trade_type == TradeType::Jsapi {
                    orders.place(MERCHANT, draft, NOW).is_ok()
                } else {
                    let charged = orders.charge(MERCHANT, draft, &number, Charge::Paid, NOW);
                    charged.is_ok()
                };
                assert_eq!(is_done, index < most, "{number}");
            }
        }
    }
}
