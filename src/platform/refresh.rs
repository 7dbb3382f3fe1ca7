//! Fetches platform certificates: one fetch at a time for each host, and not too often.

use std::fmt;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http::Method;
use http::uri::{Authority, PathAndQuery, Scheme};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::certificate::{self, PlatformCertificate};
use super::{KeySet, is_public_key_id};
use crate::client::Core;
use crate::draft::{Destination, Draft};
use crate::error::{Check, Endpoint, Error, Phase, Result};
use crate::formatter;
use crate::pending::Pending;
use crate::protocol::Exchange;
use crate::query::Query;
use crate::transport::{Driver, Outcome, block_on, drive_until, spawn};

/// The shortest time between two fetches that succeeded.
const AT_MOST: Duration = Duration::from_secs(60);
/// The longest time between two fetches of a set that is far from its expiry.
const AT_LEAST: Duration = Duration::from_secs(12 * 60 * 60);

/// WeChat Pay's hosts for merchants overseas, whose certificates have a path of their own.
const OVERSEAS: [&str; 3] = [
    "apihk.mch.weixin.qq.com",
    "apius.mch.weixin.qq.com",
    "apieu.mch.weixin.qq.com",
];

/// Where the certificates of a host are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    scheme: Scheme,
    authority: Authority,
    target: PathAndQuery,
}

impl Place {
    /// The certificates beside a request's address; `prefix` is what stands before its path, with
    /// its slashes. `None` for a prefix that no path can begin with.
    pub(crate) fn beside(scheme: &Scheme, authority: &Authority, prefix: &str) -> Option<Self> {
        let is_overseas = OVERSEAS
            .iter()
            .any(|host| authority.host().eq_ignore_ascii_case(host));
        let target = if is_overseas && prefix == "/" {
            PathAndQuery::from_static("/v3/global/certificates")
        } else {
            PathAndQuery::try_from(format!("{prefix}v3/certificates")).ok()?
        };
        Some(Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            target,
        })
    }

    pub(crate) fn host(&self) -> &str {
        self.authority.as_str()
    }

    fn endpoint(&self) -> Endpoint {
        let path = self.target.path().trim_start_matches('/');
        Endpoint::new(Method::GET, path.to_owned())
    }
}

/// The certificates that were fetched from one host.
#[derive(Debug)]
pub(crate) struct Store {
    place: Place,
    state: RwLock<Arc<State>>,
    /// Whoever holds it may fetch.
    turn: Mutex<()>,
    /// The number of its last use.
    last_use: AtomicU64,
}

impl Store {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            state: RwLock::default(),
            turn: Mutex::default(),
            last_use: AtomicU64::default(),
        }
    }

    /// Notes that it was asked for.
    pub(super) fn used(&self, number: u64) {
        self.last_use.fetch_max(number, Ordering::Relaxed);
    }

    pub(super) fn last_use(&self) -> u64 {
        self.last_use.load(Ordering::Relaxed)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn keys(&self) -> Arc<KeySet> {
        self.state().keys()
    }

    pub(crate) fn state(&self) -> Arc<State> {
        let state = self.state.read();
        Arc::clone(&state.unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, state: State) {
        let current = self.state.write();
        *current.unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Whether a request has to wait for certificates: there are none yet, or none that is valid.
    pub(crate) fn is_wanting(&self) -> bool {
        !self.state().keys.is_current()
    }

    /// Whether certificates should be fetched again, well before they expire.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let state = self.state();
        state.may_fetch(now) && state.due.is_some_and(|due| now >= due)
    }
}

/// What is known of one host's certificates, replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    keys: Arc<KeySet>,
    certificates: Arc<[PlatformCertificate]>,
    /// How many fetches have ended, either way.
    ended: u64,
    /// How many have failed since the last success.
    failures: u32,
    refreshed: Option<SystemTime>,
    /// No fetch before this.
    next: Option<Instant>,
    /// A fetch after this, though nothing is missing.
    due: Option<Instant>,
    error: Option<Error>,
}

impl State {
    pub(crate) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys)
    }

    pub(crate) fn refreshed(&self) -> Option<SystemTime> {
        self.refreshed
    }

    pub(crate) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    fn may_fetch(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    fn outcome(&self) -> Result<()> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// `wall` is the time in seconds since 1970.
    fn succeeded(&self, certificates: Vec<PlatformCertificate>, now: Instant, wall: u64) -> Self {
        let expiry = certificates.iter().map(PlatformCertificate::expiry).max();
        let left = Duration::from_secs(expiry.unwrap_or_default().saturating_sub(wall));
        Self {
            keys: Arc::new(certificate::key_set(&certificates)),
            certificates: certificates.into(),
            ended: self.ended + 1,
            failures: 0,
            refreshed: Some(certificate::since_1970(wall)),
            next: Some(now + AT_MOST),
            due: Some(now + (left / 2).clamp(AT_MOST, AT_LEAST)),
            error: None,
        }
    }

    /// After a failure the old certificates stay.
    fn failed(&self, error: Error, now: Instant) -> Self {
        let failures = self.failures + 1;
        // A merchant without certificates has none in a second, either.
        let is_final = error
            .api()
            .is_some_and(|error| matches!(error.status().as_u16(), 403 | 404));
        let pause = if is_final {
            AT_MOST
        } else {
            let seconds = 1_u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
            Duration::from_secs(seconds).min(AT_MOST)
        };
        Self {
            ended: self.ended + 1,
            failures,
            next: Some(now + pause),
            error: Some(error),
            ..self.clone()
        }
    }
}

/// Fetches the certificates of a store, unless another fetch ended meanwhile or it is too early;
/// then it gives that one's outcome. Within the caller's limit, if there is one.
///
/// # Errors
/// Why there are no new certificates. The error belongs to the fetch, not to the caller's request.
pub(crate) async fn refreshed(
    core: &Arc<Core>,
    store: &Arc<Store>,
    driver: Driver,
    deadline: Option<(Duration, Instant)>,
) -> Result<()> {
    let seen = store.state().ended;
    let work = refresh(Arc::clone(core), Arc::clone(store), seen);
    let failure = match drive_until(driver, deadline, Phase::Certificates, work).await {
        Ok(outcome) => return outcome,
        Err(failure) => failure,
    };
    let host = store.place.authority.clone();
    Err(failure.into_error(store.place.endpoint(), host, None))
}

/// Fetches the certificates of a store while requests go on with those that are known. It ends
/// with the client, or when that is shut down.
pub(crate) fn refresh_in_background(core: &Arc<Core>, store: &Arc<Store>, driver: Driver) {
    let Some(apiv3) = &core.v3 else { return };
    // Whoever has the turn is fetching.
    if store.turn.try_lock().is_err() {
        return;
    }
    let seen = store.state().ended;
    let work = refresh(Arc::clone(core), Arc::clone(store), seen);
    let task = spawn(driver, async move {
        if let Err(error) = work.await {
            tracing::warn!(target: "wechatpay_chain", %error, "platform certificates could not be refreshed");
        }
    });
    if let Ok(task) = task {
        apiv3.platform.abort_with_client(task);
    }
    if core.flights.is_closed() {
        apiv3.platform.abort_background();
    }
}

async fn refresh(core: Arc<Core>, store: Arc<Store>, seen: u64) -> Result<()> {
    let _turn = store.turn.lock().await;
    let state = store.state();
    if state.ended != seen || !state.may_fetch(Instant::now()) {
        return state.outcome();
    }
    let fetched = fetch(&core, &store.place).await;
    let now = Instant::now();
    match fetched {
        Ok(certificates) => {
            tracing::debug!(
                target: "wechatpay_chain",
                host = store.place.host(),
                count = certificates.len(),
                "platform certificates were fetched"
            );
            store.set(state.succeeded(certificates, now, formatter::now()));
            Ok(())
        }
        Err(error) => {
            store.set(state.failed(error.clone(), now));
            Err(error)
        }
    }
}

/// The certificates of a host.
async fn fetch(core: &Arc<Core>, place: &Place) -> Result<Vec<PlatformCertificate>> {
    let destination = Destination {
        scheme: place.scheme.clone(),
        authority: place.authority.clone(),
        prefix: "/".into(),
        target: place.target.clone(),
        query: Query::default(),
        apiv2: None,
    };
    let draft = Draft::get(core, place.endpoint(), destination);
    let (span, log) = (draft.seen.span(), draft.seen.log);
    let fetching = async move {
        let mut ready = draft.seal()?.ready_here()?;
        let (exchange, outcome) = ready.send(Driver::Caller).await?;
        settle(exchange, outcome)
    };
    let fetched = fetching.instrument(span.clone()).await;
    fetched.inspect_err(|error| span.in_scope(|| log.failed(error)))
}

/// Trusts an answer whose certificates the APIv3 key opens and one of which signed it.
fn settle(exchange: Exchange, outcome: Outcome) -> Result<Vec<PlatformCertificate>> {
    let Exchange { core, sent } = exchange;
    let answer = match outcome.and_then(|answer| sent.plain(answer)) {
        Ok(answer) => answer,
        Err(failure) => return Err(failure.into_error(sent.endpoint, sent.host, None)),
    };
    let apiv3_key = core
        .v3
        .as_ref()
        .and_then(|apiv3| apiv3.apiv3_key.as_deref());
    let opened = certificate::opened(answer.body(), apiv3_key.map_or("", String::as_str));
    let sent = match &opened {
        Ok(certificates) => sent.trusting(certificate::key_set(certificates)),
        Err(_) => sent,
    };
    let endpoint = sent.endpoint.clone();
    let refuse = |problem| Error::certificates(endpoint, problem);
    match (Exchange { core, sent }.accept(answer), opened) {
        (Ok(_), opened) => opened
            .and_then(|certificates| certificate::valid(certificates, formatter::now()))
            .map_err(refuse),
        // A certificate that could not be opened can't be the one that signed.
        (Err(Error::Verify(error)), Err(problem)) if is_unknown_certificate(error.check()) => {
            Err(refuse(problem))
        }
        (Err(error), _) => Err(error),
    }
}

fn is_unknown_certificate(check: &Check) -> bool {
    matches!(check, Check::Serial { unknown, .. } if !is_public_key_id(unknown))
}

/// The platform certificates, by `.await` or [`.wait()`](Self::wait): see
/// [`Client::certificates`](crate::Client::certificates).
#[must_use = "certificates are fetched by `.await` or `.wait()`"]
pub struct Certificates {
    fetch: Result<(Arc<Core>, Arc<Store>)>,
}

impl Certificates {
    pub(crate) fn new(fetch: Result<(Arc<Core>, Arc<Store>)>) -> Self {
        Self { fetch }
    }

    /// Fetches the certificates and blocks until they are there. It needs no runtime.
    ///
    /// # Errors
    /// As [`Client::certificates`](crate::Client::certificates) says.
    pub fn wait(self) -> Result<Vec<PlatformCertificate>> {
        block_on(self.go(Driver::Own))
    }

    async fn go(self, driver: Driver) -> Result<Vec<PlatformCertificate>> {
        let (core, store) = self.fetch?;
        let flight = core.flights.begin();
        let _flight = flight.map_err(|error| error.at(&store.place.endpoint()))?;
        refreshed(&core, &store, driver, None).await?;
        Ok(store.state().certificates.to_vec())
    }
}

impl IntoFuture for Certificates {
    type Output = Result<Vec<PlatformCertificate>>;
    type IntoFuture = Pending<Vec<PlatformCertificate>>;

    fn into_future(self) -> Self::IntoFuture {
        Pending::new(self.go(Driver::Caller))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> PlatformCertificate {
        certificate::of_pem(include_str!("../../tests/vectors/keys/platform.crt"))
    }

    fn failure() -> Error {
        Error::certificates(Endpoint::new(Method::GET, "v3/certificates"), String::new())
    }

    #[test]
    fn after_a_success_the_next_fetch_is_a_minute_away() {
        let start = Instant::now();
        let state = State::default();
        assert!(state.may_fetch(start));
        let state = state.succeeded(vec![certificate()], start, 0);
        assert!(!state.may_fetch(start + Duration::from_secs(59)));
        assert!(state.may_fetch(start + Duration::from_secs(60)));
        assert!(!state.keys.is_empty());
    }

    #[test]
    fn failures_are_repeated_after_1_2_4_to_60_seconds_and_keep_the_old_keys() {
        let mut now = Instant::now();
        let mut state = State::default().succeeded(vec![certificate()], now, 0);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            state = state.failed(failure(), now);
            let next = now + Duration::from_secs(pause);
            assert!(!state.may_fetch(next - Duration::from_millis(1)));
            assert!(state.may_fetch(next));
            now = next;
        }
        assert!(!state.keys.is_empty());
        state.outcome().unwrap_err();
        for _ in 0..100 {
            state = state.failed(failure(), now);
        }
        let state = state.succeeded(vec![certificate()], now, 0);
        state.outcome().unwrap();
        let state = state.failed(failure(), now);
        assert!(state.may_fetch(now + Duration::from_secs(1)));
    }

    #[test]
    fn a_set_is_due_after_half_of_its_life_and_after_12_hours_at_the_latest() {
        let start = Instant::now();
        let expiry = certificate().expiry();
        for (left, due) in [(10, 60), (600, 300), (90_000, 43_200), (10_000_000, 43_200)] {
            let state = State::default().succeeded(vec![certificate()], start, expiry - left);
            assert_eq!(state.due, Some(start + Duration::from_secs(due)), "{left}");
        }
    }

    #[test]
    fn the_host_and_the_prefix_decide_where_certificates_are() {
        let place = |host: &str, prefix: &str| {
            let authority: Authority = host.parse().unwrap();
            let place = Place::beside(&Scheme::HTTPS, &authority, prefix).unwrap();
            place.target.as_str().to_owned()
        };
        assert_eq!(place("api.mch.weixin.qq.com", "/"), "/v3/certificates");
        assert_eq!(place("api2.wechatpay.cn", "/"), "/v3/certificates");
        assert_eq!(
            place("apihk.mch.weixin.qq.com", "/"),
            "/v3/global/certificates"
        );
        assert_eq!(
            place("apihk.mch.weixin.qq.com", "/hk/"),
            "/hk/v3/certificates"
        );
        assert_eq!(place("127.0.0.1:8443", "/hk/"), "/hk/v3/certificates");
    }
}
