//! The keys of access tokens as a file: one bare HS256 key, as the first start makes it, or a list in Nhost's JSON form,
//! the first of which signs once its time has come. Whoever changes it holds a lock beside it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base::clock::Clock;
use base::jwt::JwtKeys;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{JWT_FILE, kept};

/// How long a new key is known before it signs. Whoever verifies tokens may have read the keys just before, and keeps
/// them as long as it was told; as long again is for the servers to notice the file, and for others to read it anew.
pub(super) const NOTICE_SECONDS: i64 = 2 * app::auth::JWKS_MAX_AGE_SECONDS;

/// How long a shared key is, in letters and digits: 381 bits.
const SHARED_LETTERS: usize = 64;

/// How the key without a name is called.
const UNNAMED: &str = "unnamed";

/// A kind of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyType {
    Hs256,
    Hs512,
    Rs256,
    Es256,
    Es384,
    Es512,
    Eddsa,
}

impl KeyType {
    fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Eddsa => "EdDSA",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|kind| kind.name() == name)
    }
}

/// A key in Nhost's JSON form. Other options of that form are kept as they are.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<String>,
    /// Seconds since 1970; nothing but `keys list` reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<i64>,
    /// Since when it signs, in seconds since 1970; at once where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signs_from: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Entry {
    fn new(kind: KeyType, now: i64, notice: i64) -> anyhow::Result<Self> {
        let (key, signing_key) = match kind {
            KeyType::Hs256 | KeyType::Hs512 => (Some(kept::letters(SHARED_LETTERS)), None),
            KeyType::Rs256 => (None, Some(new_rsa()?)),
            KeyType::Es256 => (None, Some(new_ec(&ECDSA_P256_SHA256_FIXED_SIGNING)?)),
            KeyType::Es384 => (None, Some(new_ec(&ECDSA_P384_SHA384_FIXED_SIGNING)?)),
            KeyType::Es512 => (None, Some(new_ec(&ECDSA_P521_SHA512_FIXED_SIGNING)?)),
            KeyType::Eddsa => (None, Some(pem(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref()))),
        };
        Ok(Self {
            kind: kind.name().to_owned(),
            kid: Some(kept::letters(12)),
            key,
            signing_key,
            created_at: Some(now),
            signs_from: (notice > 0).then_some(now.saturating_add(notice)),
            rest: Map::new(),
        })
    }

    /// Its `kid`.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Its name, by which it is retired.
    pub(super) fn name(&self) -> &str {
        self.kid.as_deref().unwrap_or(UNNAMED)
    }
}

/// The file, locked for this process.
pub(super) struct KeyFile {
    path: PathBuf,
    pub(super) entries: Vec<Entry>,
    _lock: File,
}

impl KeyFile {
    /// Reads the keys of a data folder, and keeps others from changing them.
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(JWT_FILE);
        ensure!(
            path.is_file(),
            "BRAIN_DATA_DIR: {} has no keys; the server makes them at its first start",
            data_dir.display()
        );
        let lock = path.with_extension("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock)?;
        lock.lock().context("the keys cannot be locked")?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = text.trim();
        let unreadable = || format!("{} cannot be read", path.display());
        let entries = match text.chars().next() {
            Some('[') => serde_json::from_str(text).with_context(unreadable)?,
            Some('{') => vec![serde_json::from_str(text).with_context(unreadable)?],
            _ => vec![Entry {
                kind: "HS256".to_owned(),
                kid: None,
                key: Some(text.to_owned()),
                signing_key: None,
                created_at: None,
                signs_from: None,
                rest: Map::new(),
            }],
        };
        Ok(Self { path, entries, _lock: lock })
    }

    /// A new key that verifies from now on, and signs in the place of the others `notice` seconds later. Gives its name.
    pub(super) fn rotate(&mut self, kind: Option<KeyType>, now: i64, notice: i64) -> anyhow::Result<String> {
        let keys = self.keys(now)?;
        // The first one may be waiting to sign.
        let signs = self.entries.iter().find(|entry| keys.is_signer(entry.kid()));
        let current = signs.or(self.entries.first()).context("the list of keys is empty")?;
        let Some(kind) = kind.or_else(|| KeyType::named(&current.kind)) else {
            bail!("a key of the type {} cannot be made; name another one by --type", current.kind);
        };
        let mut fresh = Entry::new(kind, now, notice)?;
        // Issuer, namespace and whatever else belongs to tokens and not to a key.
        fresh.rest.clone_from(&current.rest);
        let name = fresh.name().to_owned();
        self.entries.insert(0, fresh);
        self.write()?;
        Ok(name)
    }

    /// Throws a key away: tokens that it signed are no good any more.
    pub(super) fn retire(&mut self, name: &str, now: i64) -> anyhow::Result<()> {
        let Some(at) = self.entries.iter().position(|entry| entry.name() == name) else {
            bail!("there is no key with the name {name}");
        };
        let signs = self.keys(now)?.is_signer(self.entries.get(at).and_then(Entry::kid));
        ensure!(!signs, "the key {name} signs; rotate first, and wait until another one does");
        self.entries.remove(at);
        self.write()
    }

    /// The keys as a server has them at `now`.
    pub(super) fn keys(&self, now: i64) -> anyhow::Result<JwtKeys> {
        let text = serde_json::to_string(&self.entries)?;
        JwtKeys::parse(&text.into(), Clock::manual(now)).context("the list of keys")
    }

    /// What no server could read is not written.
    fn write(&self) -> anyhow::Result<()> {
        self.keys(0)?;
        let text = serde_json::to_string(&self.entries)?;
        kept::write(&self.path, &text).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn new_rsa() -> anyhow::Result<String> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    Ok(pem(der.as_ref()))
}

fn new_ec(algorithm: &'static EcdsaSigningAlgorithm) -> anyhow::Result<String> {
    Ok(pem(EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())?.as_ref()))
}

/// A private key as RFC 7468 has it.
fn pem(der: &[u8]) -> String {
    ::pem::encode_config(
        &::pem::Pem::new("PRIVATE KEY", der),
        ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF),
    )
}
