//! Keys under keys: how a key is stored beside the data that it protects.
//!
//! Wrapped: `version u8 (1) || kek id 16 || nonce 12 || AES-256-GCM(key)`, 77 bytes for a 32-byte key, with the AAD
//! `"indelible/wrap/v1\0" || store || "\0" || tenant || "\0" || kind`. The kinds are `durable-kek` (under the root key),
//! `ledger` and `import/<producer>` (both under the durable KEK). The id of the root key is drawn with it and stands in
//! `root.key`; that of a durable KEK is drawn too and stands in front of its wrapped form: `id 16 || wrapped`.
//!
//! Promises: a wrapped key opens only under its own store, tenant and kind. Every nonce is drawn at random; a KEK wraps a
//! handful of keys in its life, far below where random 96-bit nonces would meet.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use event::ids::{ImportKey, ProducerId, StoreName, TenantId};
use zeroize::Zeroizing;

use super::random;

/// What begins the additional data of every wrapping.
const LABEL: &[u8] = b"indelible/wrap/v1\0";
/// The one version of the wrapped form.
const VERSION: u8 = 1;
/// Bytes of a wrapped 32-byte key.
const WRAPPED_BYTES: usize = 1 + 16 + 12 + 32 + 16;

/// The key above all others of a store.
pub(crate) struct RootKey {
    id: [u8; 16],
    secret: Zeroizing<[u8; 32]>,
}

/// A tenant's durable keys, open, with the form in which they are stored.
#[derive(Clone)]
pub(crate) struct TenantKeys {
    kek_id: [u8; 16],
    kek: Zeroizing<[u8; 32]>,
    ledger: Zeroizing<[u8; 32]>,
    /// The durable KEK as stored.
    pub(crate) wrapped_kek: Vec<u8>,
    /// The ledger key as stored.
    pub(crate) wrapped_ledger: Vec<u8>,
}

/// A key that does not open: another store, tenant or root key, or changed bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} of tenant `{tenant}` does not open under {under}")]
pub(crate) struct UnwrapError {
    what: &'static str,
    tenant: TenantId,
    under: &'static str,
}

/// Whose key it is that is wrapped, and what for.
struct Place<'a> {
    store: &'a StoreName,
    tenant: &'a TenantId,
    kind: &'a str,
}

impl RootKey {
    /// A root key drawn at random.
    pub(crate) fn draw() -> RootKey {
        RootKey::new(random(), random())
    }

    /// The root key of this id and secret.
    pub(super) fn new(id: [u8; 16], secret: [u8; 32]) -> RootKey {
        RootKey { id, secret: Zeroizing::new(secret) }
    }

    /// What the keys wrapped by it name it.
    pub(super) fn id(&self) -> [u8; 16] {
        self.id
    }

    /// The secret itself, for `root.key` alone.
    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The keys of a new tenant.
    pub(crate) fn draw_tenant(&self, store: &StoreName, tenant: &TenantId) -> TenantKeys {
        let (kek_id, kek, ledger) = (random::<16>(), random::<32>(), random::<32>());
        let place = |kind| Place { store, tenant, kind };
        let mut wrapped_kek = kek_id.to_vec();
        wrapped_kek.extend(wrap(self.id, &self.secret, &place("durable-kek"), &kek));
        let wrapped_ledger = wrap(kek_id, &kek, &place("ledger"), &ledger);
        let (kek, ledger) = (Zeroizing::new(kek), Zeroizing::new(ledger));
        TenantKeys { kek_id, kek, ledger, wrapped_kek, wrapped_ledger }
    }

    /// The keys of a tenant from their stored form.
    pub(crate) fn open_tenant(
        &self,
        store: &StoreName,
        tenant: &TenantId,
        wrapped_kek: &[u8],
        wrapped_ledger: &[u8],
    ) -> Result<TenantKeys, UnwrapError> {
        let place = |kind| Place { store, tenant, kind };
        let refuse = |what, under| UnwrapError { what, tenant: tenant.clone(), under };
        let no_kek = || refuse("durable KEK", "this store's root key");
        let (kek_id, inner) = wrapped_kek.split_first_chunk::<16>().ok_or_else(no_kek)?;
        let kek = unwrap(self.id, &self.secret, &place("durable-kek"), inner).ok_or_else(no_kek)?;
        let ledger = unwrap(*kek_id, &kek, &place("ledger"), wrapped_ledger);
        let ledger = ledger.ok_or_else(|| refuse("ledger key", "the tenant's durable KEK"))?;
        Ok(TenantKeys {
            kek_id: *kek_id,
            kek,
            ledger,
            wrapped_kek: wrapped_kek.to_vec(),
            wrapped_ledger: wrapped_ledger.to_vec(),
        })
    }
}

impl TenantKeys {
    /// The ledger key: K of every part so far.
    pub(crate) fn ledger_key(&self) -> &[u8; 32] {
        &self.ledger
    }

    /// A new import key for `producer`, with its stored form.
    pub(crate) fn draw_import_key(
        &self,
        store: &StoreName,
        tenant: &TenantId,
        producer: &ProducerId,
    ) -> (ImportKey, Vec<u8>) {
        let key = random::<32>();
        let kind = format!("import/{producer}");
        let wrapped = wrap(self.kek_id, &self.kek, &Place { store, tenant, kind: &kind }, &key);
        (ImportKey(key), wrapped)
    }

    /// The import key of `producer` from its stored form.
    pub(crate) fn open_import_key(
        &self,
        store: &StoreName,
        tenant: &TenantId,
        producer: &ProducerId,
        wrapped: &[u8],
    ) -> Result<ImportKey, UnwrapError> {
        let kind = format!("import/{producer}");
        let key = unwrap(self.kek_id, &self.kek, &Place { store, tenant, kind: &kind }, wrapped);
        let refuse = || UnwrapError {
            what: "import key",
            tenant: tenant.clone(),
            under: "the tenant's durable KEK",
        };
        key.map(|key| ImportKey(*key)).ok_or_else(refuse)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKeys(..)")
    }
}

fn wrap(kek_id: [u8; 16], kek: &[u8; 32], place: &Place<'_>, key: &[u8; 32]) -> Vec<u8> {
    let nonce = random::<12>();
    let cipher = Aes256Gcm::new(kek.into());
    let aad = place.aad();
    let sealed = cipher.encrypt(Nonce::from_slice(&nonce), Payload { msg: key, aad: &aad });
    let sealed = sealed.expect("AES-GCM takes 32 bytes");
    let mut wrapped = Vec::with_capacity(WRAPPED_BYTES);
    wrapped.push(VERSION);
    wrapped.extend(kek_id);
    wrapped.extend(nonce);
    wrapped.extend(sealed);
    wrapped
}

fn unwrap(
    kek_id: [u8; 16],
    kek: &[u8; 32],
    place: &Place<'_>,
    wrapped: &[u8],
) -> Option<Zeroizing<[u8; 32]>> {
    let (version, rest) = wrapped.split_first()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (nonce, sealed) = rest.split_first_chunk::<12>()?;
    if *version != VERSION || *id != kek_id {
        return None;
    }
    let aad = place.aad();
    let payload = Payload { msg: sealed, aad: &aad };
    let key = Aes256Gcm::new(kek.into()).decrypt(Nonce::from_slice(nonce), payload).ok()?;
    let key = Zeroizing::new(key);
    Some(Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).ok()?))
}

impl Place<'_> {
    fn aad(&self) -> Vec<u8> {
        let mut aad = LABEL.to_vec();
        aad.extend(self.store.as_str().bytes());
        aad.push(0);
        aad.extend(self.tenant.as_str().bytes());
        aad.push(0);
        aad.extend(self.kind.bytes());
        aad
    }
}
