//! WeChat Pay's side of the keys: its public key, its certificates, and which of them signs.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use rcgen::{CertificateParams, KeyPair, KeyUsagePurpose, SerialNumber};

use crate::accept::named;
use crate::answer::{Answer, number};
use crate::clock::{rfc3339, time};
use crate::json::{object, text};
use crate::keys::{self, Keys, PlatformKey};
use crate::misbehaviour::Misbehaviour;
use crate::random::Random;

const DAY: i64 = 24 * 60 * 60;

/// An APIv3 key that is not the merchant's.
const ANOTHER_APIV3_KEY: &str = "WechatpaySandboxAnotherApiv3Key1";

/// A platform certificate: see [`Sandbox::certificates`](crate::Sandbox::certificates).
#[derive(Clone, PartialEq, Eq)]
pub struct PlatformCertificate {
    serial: String,
    pem: String,
    not_before: i64,
    not_after: i64,
}

impl PlatformCertificate {
    /// The serial, 40 upper-case hexadecimal digits.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// From when it is valid, in seconds since 1970.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Until when it is valid, in seconds since 1970.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Makes a certificate of this private key.
    ///
    /// The fixed keys can't fail to sign one. If one did, the certificate would be empty, which no
    /// client takes.
    fn new(private_key: &str, random: &Random, not_before: i64, not_after: i64) -> Self {
        let serial = random_serial(random);
        let pem = issue(private_key, &serial, not_before, not_after).unwrap_or_default();
        Self {
            serial: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
            pem,
            not_before,
            not_after,
        }
    }
}

impl fmt::Debug for PlatformCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlatformCertificate")
            .field("serial", &self.serial)
            .field("not_before", &rfc3339(self.not_before))
            .field("not_after", &rfc3339(self.not_after))
            .finish_non_exhaustive()
    }
}

/// 20 bytes, of which the first is not zero: a number of fewer digits would be written with fewer
/// by some tools.
fn random_serial(random: &Random) -> [u8; 20] {
    let mut serial = [0; 20];
    random.fill(&mut serial);
    let [first, ..] = &mut serial;
    *first = (*first).max(1);
    serial
}

/// The certificate in PEM, signed by its own key: who issued it, no client of WeChat Pay checks.
fn issue(
    private_key: &str,
    serial: &[u8],
    not_before: i64,
    not_after: i64,
) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.not_before = time(not_before).into();
    params.not_after = time(not_after).into();
    params.distinguished_name = named("WeChat Pay sandbox, platform certificate");
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    let key = KeyPair::from_pem(private_key)?;
    Ok(params.self_signed(&key)?.pem())
}

/// A private key and the serial under which it signs.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) serial: String,
    pub(crate) key: Arc<PlatformKey>,
}

impl Signer {
    /// The signature of an answer or a notification.
    pub(crate) fn sign(&self, timestamp: &str, nonce: &str, text: &[u8]) -> String {
        let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
        message.extend_from_slice(text);
        message.push(b'\n');
        self.key.sign(&message)
    }
}

/// A certificate that was made here.
struct Made {
    certificate: PlatformCertificate,
    key: Arc<PlatformKey>,
    published: bool,
}

struct State {
    /// All that were made, also those that were withdrawn.
    made: Vec<Made>,
    signer: Signer,
    public_key_only: bool,
}

/// The keys of WeChat Pay.
pub(crate) struct Platform {
    public_key: Signer,
    account: Arc<Keys>,
    /// Those of the certificates, which take turns.
    keys: [(&'static str, Arc<PlatformKey>); 3],
    state: Mutex<State>,
    random: Random,
}

impl Platform {
    /// The public key, which signs, and two certificates: one for four years already, and one since
    /// yesterday.
    pub(crate) fn new(now: i64, random: &Random, keys: Arc<Keys>) -> io::Result<Self> {
        let load = |pem| match PlatformKey::load(pem) {
            Ok(key) => Ok(Arc::new(key)),
            Err(what) => Err(io::Error::other(format!("a key of the sandbox is {what}"))),
        };
        let public_key = Signer {
            serial: keys.platform_serial.clone(),
            key: Arc::clone(&keys.platform),
        };
        // The first signature of a process takes AWS-LC some 30 ms; let the start pay for it, not
        // the first answer.
        public_key.key.sign(b"");
        let [first, second, third] = keys::CERTIFICATE_PRIVATE_KEYS;
        let platform = Self {
            keys: [
                (first, load(first)?),
                (second, load(second)?),
                (third, load(third)?),
            ],
            state: Mutex::new(State {
                made: Vec::new(),
                signer: public_key.clone(),
                public_key_only: false,
            }),
            public_key,
            account: keys,
            random: random.fork("platform"),
        };
        platform.add(now - 4 * 365 * DAY, now + 365 * DAY);
        platform.add(now - DAY, now + 5 * 365 * DAY);
        Ok(platform)
    }

    /// Makes and publishes a certificate.
    pub(crate) fn add(&self, not_before: i64, not_after: i64) -> PlatformCertificate {
        self.with(|state| {
            let turn = state.made.len() % self.keys.len();
            let [first, ..] = &self.keys;
            let (private_key, key) = self.keys.get(turn).unwrap_or(first);
            let certificate =
                PlatformCertificate::new(private_key, &self.random, not_before, not_after);
            state.made.push(Made {
                certificate: certificate.clone(),
                key: Arc::clone(key),
                published: true,
            });
            certificate
        })
    }

    /// Stops publishing a certificate, and tells whether it was.
    pub(crate) fn withdraw(&self, serial: &str) -> bool {
        self.with(|state| {
            let mut published = state.made.iter_mut().filter(|made| made.published);
            match published.find(|made| same(&made.certificate.serial, serial)) {
                Some(made) => {
                    made.published = false;
                    true
                }
                None => false,
            }
        })
    }

    /// The certificates that are published, in the order in which they were made.
    pub(crate) fn published(&self) -> Vec<PlatformCertificate> {
        self.with(|state| {
            let published = state.made.iter().filter(|made| made.published);
            published.map(|made| made.certificate.clone()).collect()
        })
    }

    /// The public key, or a certificate, withdrawn or not, by its serial.
    pub(crate) fn known(&self, serial: &str) -> Option<Signer> {
        if same(&self.public_key.serial, serial) {
            return Some(self.public_key.clone());
        }
        self.with(|state| {
            let mut made = state.made.iter();
            let made = made.find(|made| same(&made.certificate.serial, serial))?;
            Some(Signer {
                serial: made.certificate.serial.clone(),
                key: Arc::clone(&made.key),
            })
        })
    }

    /// Who signs at this moment.
    pub(crate) fn signer(&self) -> Signer {
        self.with(|state| state.signer.clone())
    }

    /// Has the key of this serial sign from now on.
    pub(crate) fn sign_with(&self, serial: &str) -> io::Result<()> {
        let Some(signer) = self.known(serial) else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("the sandbox has no platform key of the serial {serial:?}"),
            ));
        };
        self.with(|state| state.signer = signer);
        Ok(())
    }

    /// Publishes a certificate from now on for five years, whose key signs.
    pub(crate) fn rotate(&self, now: i64) {
        let certificate = self.add(now - DAY, now + 5 * 365 * DAY);
        if let Some(signer) = self.known(&certificate.serial) {
            self.with(|state| state.signer = signer);
        }
    }

    pub(crate) fn set_public_key_only(&self, only: bool) {
        self.with(|state| state.public_key_only = only);
    }

    /// Answers a request for the certificates.
    pub(crate) fn answer(&self, misbehaviour: Option<&Misbehaviour>) -> Answer {
        if self.with(|state| state.public_key_only) {
            return Answer::error(
                StatusCode::NOT_FOUND,
                "RESOURCE_NOT_EXISTS",
                "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。可查看指引https://pay.weixin.qq.com/doc/v3/merchant/4012153196",
                None,
                number::NOT_FOUND,
            );
        }
        let key = match misbehaviour {
            Some(Misbehaviour::CertificatesUnderAnotherKey) => ANOTHER_APIV3_KEY,
            _ => &self.account.apiv3_key,
        };
        let mut listed_as = match misbehaviour {
            Some(Misbehaviour::CertificateListedAs(serial)) => Some(serial.clone()),
            _ => None,
        };
        let entries: Vec<String> = self
            .published()
            .into_iter()
            .map(|certificate| {
                let serial = listed_as.take();
                let serial = serial.unwrap_or_else(|| certificate.serial.clone());
                entry(&serial, &certificate, key, &self.random)
            })
            .collect();
        let body = object([("data", format!("[{}]", entries.join(",")))]);
        Answer::json(StatusCode::OK, body, number::SUCCESS)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether two serials are the same text but for case.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// One certificate in the answer.
fn entry(serial: &str, certificate: &PlatformCertificate, key: &str, random: &Random) -> String {
    let nonce = random.text(b"0123456789abcdef", 12);
    let associated_data = "certificate";
    let ciphertext = keys::seal(
        key.as_bytes(),
        &nonce,
        associated_data,
        certificate.pem.as_bytes(),
    );
    let encrypted = object([
        ("algorithm", text("AEAD_AES_256_GCM")),
        ("nonce", text(&nonce)),
        ("associated_data", text(associated_data)),
        ("ciphertext", text(&ciphertext)),
    ]);
    object([
        ("serial_no", text(serial)),
        ("effective_time", text(&rfc3339(certificate.not_before))),
        ("expire_time", text(&rfc3339(certificate.not_after))),
        ("encrypt_certificate", encrypted),
    ])
}
