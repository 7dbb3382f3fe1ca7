//! What WeChat Pay tells the merchant of its own accord: once, and again until it is heard.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use crate::apiv2;
use crate::clock::{self, time};
use crate::deliver::deliver;
use crate::gateway::Gateway;
use crate::keys::Keys;
use crate::notification::{Notification, NotificationBuilder, random_id};
use crate::orders::{Order, Orders, Refund, RefundState, TradeType, Version};
use crate::payments;
use crate::random::Random;
use crate::refunds;

/// After how many seconds a payment or a refund is told of again.
const REPEATS: [i64; 15] = [
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600,
];

/// How many deliveries are on their way at a time.
const AT_A_TIME: usize = 32;

/// After how many seconds it is told again, when it was told so many times.
fn repeat(event_type: &str, told: usize) -> Option<i64> {
    let every_minute = |times: usize| (told < times).then_some(60);
    match event_type {
        "COUPON.SEND" => every_minute(11),
        "COUPON.USE" => every_minute(9),
        PROBE => None,
        _ => REPEATS.get(told.checked_sub(1)?).copied(),
    }
}

/// What a probe is recorded as.
const PROBE: &str = "SIGNTEST";

/// One attempt to tell the merchant something: see
/// [`Sandbox::deliveries`](crate::Sandbox::deliveries).
#[derive(Clone, Debug)]
pub struct Delivery {
    event_type: String,
    merchant: String,
    subject: String,
    url: String,
    attempt: usize,
    at: i64,
    notification: Notification,
    status: Option<u16>,
    answer: Vec<u8>,
    error: Option<String>,
    is_acknowledged: bool,
    /// Its place among all attempts.
    turn: u64,
}

impl Delivery {
    /// Such as `TRANSACTION.SUCCESS`, of APIv2, too; `SIGNTEST` for a probe.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The number of the merchant who was told.
    #[must_use]
    pub fn mchid(&self) -> &str {
        &self.merchant
    }

    /// What it was about: the `out_trade_no` of a payment, the `out_refund_no` of a refund, the
    /// `coupon_code` of a coupon; else empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Where it went.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// 1 for the first attempt.
    #[must_use]
    pub fn attempt(&self) -> usize {
        self.attempt
    }

    /// When, by the sandbox's clock.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        time(self.at)
    }

    /// What was sent.
    #[must_use]
    pub fn notification(&self) -> &Notification {
        &self.notification
    }

    /// The status of the answer; `None` when there was none.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The body of the answer.
    #[must_use]
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// Why there was no answer.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether the merchant said that it understood, so that it isn't told again.
    #[must_use]
    pub fn acknowledged(&self) -> bool {
        self.is_acknowledged
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "event_type": self.event_type,
            "mchid": self.merchant,
            "subject": self.subject,
            "url": self.url,
            "attempt": self.attempt,
            "at": clock::rfc3339(self.at),
            "status": self.status,
            "error": self.error,
            "acknowledged": self.is_acknowledged,
        })
    }
}

/// What is to be told.
#[derive(Clone, Debug)]
enum Message {
    Apiv3 {
        resource_type: &'static str,
        resource: Value,
        is_probe: bool,
    },
    /// The body.
    Apiv2(String),
}

#[derive(Clone, Debug)]
struct Event {
    number: u64,
    event_type: String,
    merchant: String,
    subject: String,
    url: String,
    message: Message,
    created: i64,
    /// When it is to be told next.
    next: i64,
    /// How often it was.
    told: usize,
    /// The place of its last attempt among all attempts.
    turn: u64,
    is_on_its_way: bool,
}

#[derive(Default)]
struct State {
    count: u64,
    /// How many attempts were begun.
    turns: u64,
    /// How often everything was forgotten: what comes of a delivery from before is, too.
    era: u64,
    events: Vec<Event>,
    /// By their turns.
    deliveries: VecDeque<Delivery>,
}

/// Everything that is to be told, and what was.
pub(crate) struct Notifier {
    keys: Arc<Keys>,
    random: Random,
    /// How many deliveries are remembered.
    kept: usize,
    /// Names that may be told although they aren't on loopback.
    allowed: Vec<String>,
    state: Mutex<State>,
    /// There is something to do.
    work: Notify,
    /// Something was done.
    done: Notify,
}

impl Notifier {
    pub(crate) fn new(keys: Arc<Keys>, random: Random, kept: usize, allowed: Vec<String>) -> Self {
        Self {
            keys,
            random,
            kept,
            allowed,
            state: Mutex::default(),
            work: Notify::new(),
            done: Notify::new(),
        }
    }

    pub(crate) fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// Forgets what was told, and what is to be told.
    pub(crate) fn reset(&self) {
        self.with(|state| {
            *state = State {
                era: state.era + 1,
                ..State::default()
            }
        });
        self.done.notify_waiters();
    }

    /// Has a look at the clock, which was moved.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    /// Tells that an order was paid, where it says whom to tell.
    pub(crate) fn payment(&self, merchant: &str, order: &Order, now: i64) {
        if order.draft.trade_type == TradeType::Micropay {
            return;
        }
        let terms = &order.draft.terms;
        let message = match terms.version {
            Version::Apiv3 => Message::Apiv3 {
                resource_type: "transaction",
                resource: payments::transaction(merchant, order),
                is_probe: false,
            },
            Version::Apiv2 => {
                let body = apiv2::of_order(&self.keys, merchant, order, &self.random);
                Message::Apiv2(body)
            }
        };
        let subject = &order.draft.out_trade_no;
        let url = &terms.notify_url;
        self.add("TRANSACTION.SUCCESS", merchant, subject, url, message, now);
    }

    /// Tells that a refund ended, where it says whom to tell.
    pub(crate) fn refund(&self, merchant: &str, refund: &Refund, orders: &Orders, now: i64) {
        let event_type = match refund.state {
            RefundState::Processing => return,
            RefundState::Success => "REFUND.SUCCESS",
            RefundState::Closed => "REFUND.CLOSED",
            RefundState::Abnormal => "REFUND.ABNORMAL",
        };
        let message = match refund.version {
            Version::Apiv3 => Message::Apiv3 {
                resource_type: "refund",
                resource: refunds::notice(merchant, refund),
                is_probe: false,
            },
            Version::Apiv2 => {
                let to = apiv2::To {
                    keys: &self.keys,
                    orders,
                    merchant,
                    random: &self.random,
                };
                Message::Apiv2(apiv2::of_refund(to, refund, now))
            }
        };
        let (subject, url) = (&refund.out_refund_no, &refund.notify_url);
        self.add(event_type, merchant, subject, url, message, now);
    }

    /// Tells whatever a test wants.
    pub(crate) fn custom(
        &self,
        merchant: &str,
        event_type: &str,
        resource: &Value,
        url: &str,
        now: i64,
    ) {
        let resource_type = match event_type.split('.').next().unwrap_or_default() {
            "TRANSACTION" => "transaction",
            "REFUND" => "refund",
            "COUPON" => "coupon",
            "PAYSCORE" => "payscore",
            "PROFITSHARING" => "profitsharing",
            _ => "resource",
        };
        let subject = ["out_refund_no", "out_trade_no", "coupon_code"];
        let mut subject = subject.iter().filter_map(|name| resource.get(*name));
        let subject = subject.next().and_then(Value::as_str).unwrap_or_default();
        let message = Message::Apiv3 {
            resource_type,
            resource: resource.clone(),
            is_probe: false,
        };
        self.add(event_type, merchant, subject, url, message, now);
    }

    /// Tells something under a signature that is wrong by design, to see whether it is refused.
    pub(crate) fn probe(&self, merchant: &str, url: &str, now: i64) {
        let message = Message::Apiv3 {
            resource_type: "transaction",
            resource: json!({ "mchid": merchant, "trade_state": "SUCCESS" }),
            is_probe: true,
        };
        self.add(PROBE, merchant, "", url, message, now);
    }

    fn add(
        &self,
        event_type: &str,
        merchant: &str,
        subject: &str,
        url: &str,
        message: Message,
        now: i64,
    ) {
        if url.is_empty() {
            return;
        }
        self.with(|state| {
            state.count += 1;
            state.events.push(Event {
                number: state.count,
                event_type: event_type.to_owned(),
                merchant: merchant.to_owned(),
                subject: subject.to_owned(),
                url: url.to_owned(),
                message,
                created: now,
                next: now,
                told: 0,
                turn: 0,
                is_on_its_way: false,
            });
        });
        self.work.notify_one();
    }

    /// The attempts that have ended, in the order in which they were begun.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.with(|state| state.deliveries.iter().cloned().collect())
    }

    /// How many events are not acknowledged and not given up.
    pub(crate) fn pending(&self) -> usize {
        self.with(|state| state.events.len())
    }

    /// What is due, of which each is on its way from now on, and when the next one is.
    fn due(&self, now: i64) -> (u64, Vec<Event>, Option<i64>) {
        self.with(|state| {
            let mut due = Vec::new();
            let waiting = state.events.iter_mut().filter(|event| !event.is_on_its_way);
            let mut next = None;
            for event in waiting {
                if event.next <= now {
                    state.turns += 1;
                    event.is_on_its_way = true;
                    event.told += 1;
                    event.turn = state.turns;
                    due.push(event.clone());
                } else {
                    next = Some(next.map_or(event.next, |next: i64| next.min(event.next)));
                }
            }
            (state.era, due, next)
        })
    }

    /// What came of an attempt.
    fn record(&self, era: u64, number: u64, delivery: Delivery, is_final: bool) {
        self.with(|state| {
            if state.era != era {
                return;
            }
            let repeat = if is_final {
                None
            } else {
                repeat(&delivery.event_type, delivery.attempt)
            };
            match repeat {
                None => state.events.retain(|event| event.number != number),
                Some(seconds) => {
                    let mut events = state.events.iter_mut();
                    if let Some(event) = events.find(|event| event.number == number) {
                        event.next += seconds;
                        event.is_on_its_way = false;
                    }
                }
            }
            let place = state
                .deliveries
                .partition_point(|earlier| earlier.turn < delivery.turn);
            state.deliveries.insert(place, delivery);
            if state.deliveries.len() > self.kept {
                state.deliveries.pop_front();
            }
        });
        self.work.notify_one();
        self.done.notify_waiters();
    }

    fn is_idle(&self, now: i64) -> bool {
        self.with(|state| {
            let mut events = state.events.iter();
            !events.any(|event| event.is_on_its_way || event.next <= now)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells what is due, for as long as the gateway lives.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    let slots = Arc::new(Semaphore::new(AT_A_TIME));
    loop {
        let now = gateway.clock.now();
        let (era, due, next) = gateway.notifier.due(now);
        for event in due {
            let gateway = Arc::clone(&gateway);
            let slots = Arc::clone(&slots);
            tokio::spawn(async move {
                let _slot = slots.acquire().await;
                attempt(&gateway, era, event).await;
            });
        }
        let until = next.map(|next| next.saturating_sub(now).max(1).unsigned_abs());
        // Nothing waits for longer than a day; without anything to wait for, it is looked after once
        // a day in vain.
        let until = Duration::from_secs(until.unwrap_or(86_400).min(86_400));
        tokio::select! {
            () = gateway.notifier.work.notified() => {}
            () = sleep(until) => {}
        }
    }
}

/// Waits until nothing is due or on its way.
pub(crate) async fn idle(gateway: Arc<Gateway>) {
    loop {
        let done = gateway.notifier.done.notified();
        tokio::pin!(done);
        // From here on it is told, also of what happens before it waits.
        done.as_mut().enable();
        if gateway.notifier.is_idle(gateway.clock.now()) {
            return;
        }
        done.await;
    }
}

async fn attempt(gateway: &Arc<Gateway>, era: u64, event: Event) {
    let notification = notification(gateway, &event);
    let at = gateway.clock.now();
    let allowed = gateway.notifier.allowed();
    let result = deliver(event.url.clone(), notification.clone(), allowed).await;
    // A URL that may not be told will not be told later either.
    let is_refused = matches!(&result, Err(error) if error.kind() == io::ErrorKind::InvalidInput);
    let (status, answer, error) = match result {
        Ok((status, answer)) => (Some(status), answer, None),
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    let is_acknowledged = match (&event.message, status) {
        (Message::Apiv3 { .. }, Some(200 | 204)) => true,
        (Message::Apiv2(_), Some(200 | 204)) => says_success(&answer),
        _ => false,
    };
    let delivery = Delivery {
        event_type: event.event_type,
        merchant: event.merchant,
        subject: event.subject,
        url: event.url,
        attempt: event.told,
        at,
        notification,
        status,
        answer,
        error,
        is_acknowledged,
        turn: event.turn,
    };
    let is_final = is_acknowledged || is_refused;
    gateway
        .notifier
        .record(era, event.number, delivery, is_final);
}

/// Whether the merchant's XML says that it understood.
fn says_success(answer: &[u8]) -> bool {
    let text = std::str::from_utf8(answer).unwrap_or_default();
    let fields = crate::xml::read(text);
    fields.is_some_and(|fields| fields.get("return_code") == "SUCCESS")
}

fn notification(gateway: &Arc<Gateway>, event: &Event) -> Notification {
    let (resource_type, resource, is_probe) = match &event.message {
        Message::Apiv2(body) => return Notification::apiv2(body.clone()),
        Message::Apiv3 {
            resource_type,
            resource,
            is_probe,
        } => (*resource_type, resource, *is_probe),
    };
    let event_type = match &*event.event_type {
        PROBE => "TRANSACTION.SUCCESS",
        event_type => event_type,
    };
    let random = &gateway.notifier.random;
    let id = random_id(&random.fork(&event.number.to_string()));
    let attempt = random.fork(&format!("{}/{}", event.number, event.told));
    let gateway = Arc::clone(gateway);
    let builder = NotificationBuilder::new(gateway, event_type, resource_type, resource);
    let builder = builder.attempt(&id, event.created, attempt);
    if is_probe {
        builder.probe().build()
    } else {
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_own_schedule() {
        for (event_type, times, seconds) in [
            ("TRANSACTION.SUCCESS", 16, 24 * 3600 + 4 * 60),
            ("REFUND.ABNORMAL", 16, 24 * 3600 + 4 * 60),
            ("COUPON.SEND", 11, 600),
            ("COUPON.USE", 9, 480),
            (PROBE, 1, 0),
        ] {
            let mut told = 1;
            let mut sum = 0;
            while let Some(seconds) = repeat(event_type, told) {
                sum += seconds;
                told += 1;
            }
            assert_eq!((told, sum), (times, seconds), "{event_type}");
        }
    }
}
