//! The algorithms, each in one row: its name in tokens, and what computes it (RFC 7518, section 3.1; RFC 8037).

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding,
};

/// An algorithm by which tokens are signed. `none` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    Rs256,
    /// RSA (PKCS #1 v1.5) with SHA-384.
    Rs384,
    /// RSA (PKCS #1 v1.5) with SHA-512.
    Rs512,
    /// RSA (PSS) with SHA-256.
    Ps256,
    /// RSA (PSS) with SHA-384.
    Ps384,
    /// RSA (PSS) with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// What kind of key an algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A secret that signer and reader share.
    Hmac,
    /// RSA.
    Rsa,
    /// A curve of NIST's.
    Ec,
    /// Ed25519.
    Ed,
}

/// What computes an algorithm.
pub(super) enum Primitive {
    Hmac(hmac::Algorithm),
    Rsa { verify: &'static RsaParameters, sign: &'static RsaSignatureEncoding },
    Ecdsa(&'static Curve),
    Ed25519,
}

/// A curve and the hash that goes with it. Signatures have a fixed width: two numbers of `coordinate_bytes`.
pub(super) struct Curve {
    /// Its name in a JWK.
    pub(super) name: &'static str,
    pub(super) coordinate_bytes: usize,
    pub(super) verify: &'static EcdsaVerificationAlgorithm,
    pub(super) sign: &'static EcdsaSigningAlgorithm,
}

const P256: Curve = Curve {
    name: "P-256",
    coordinate_bytes: 32,
    verify: &ECDSA_P256_SHA256_FIXED,
    sign: &ECDSA_P256_SHA256_FIXED_SIGNING,
};
const P384: Curve = Curve {
    name: "P-384",
    coordinate_bytes: 48,
    verify: &ECDSA_P384_SHA384_FIXED,
    sign: &ECDSA_P384_SHA384_FIXED_SIGNING,
};
const P521: Curve = Curve {
    name: "P-521",
    coordinate_bytes: 66,
    verify: &ECDSA_P521_SHA512_FIXED,
    sign: &ECDSA_P521_SHA512_FIXED_SIGNING,
};

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// Its name in a token's header.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The algorithm of a name. `Ed25519` is the newer one of `EdDSA` (RFC 9864).
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { Self::EdDsa.name() } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// What kind of key it takes.
    pub fn family(self) -> Family {
        match self.primitive() {
            Primitive::Hmac(_) => Family::Hmac,
            Primitive::Rsa { .. } => Family::Rsa,
            Primitive::Ecdsa(_) => Family::Ec,
            Primitive::Ed25519 => Family::Ed,
        }
    }

    pub(super) fn primitive(self) -> Primitive {
        self.row().1
    }

    fn row(self) -> (&'static str, Primitive) {
        use Primitive::{Ecdsa, Ed25519, Hmac, Rsa};
        match self {
            Self::Hs256 => ("HS256", Hmac(hmac::HMAC_SHA256)),
            Self::Hs384 => ("HS384", Hmac(hmac::HMAC_SHA384)),
            Self::Hs512 => ("HS512", Hmac(hmac::HMAC_SHA512)),
            Self::Rs256 => ("RS256", Rsa { verify: &RSA_PKCS1_2048_8192_SHA256, sign: &RSA_PKCS1_SHA256 }),
            Self::Rs384 => ("RS384", Rsa { verify: &RSA_PKCS1_2048_8192_SHA384, sign: &RSA_PKCS1_SHA384 }),
            Self::Rs512 => ("RS512", Rsa { verify: &RSA_PKCS1_2048_8192_SHA512, sign: &RSA_PKCS1_SHA512 }),
            Self::Ps256 => ("PS256", Rsa { verify: &RSA_PSS_2048_8192_SHA256, sign: &RSA_PSS_SHA256 }),
            Self::Ps384 => ("PS384", Rsa { verify: &RSA_PSS_2048_8192_SHA384, sign: &RSA_PSS_SHA384 }),
            Self::Ps512 => ("PS512", Rsa { verify: &RSA_PSS_2048_8192_SHA512, sign: &RSA_PSS_SHA512 }),
            Self::Es256 => ("ES256", Ecdsa(&P256)),
            Self::Es384 => ("ES384", Ecdsa(&P384)),
            Self::Es512 => ("ES512", Ecdsa(&P521)),
            Self::EdDsa => ("EdDSA", Ed25519),
        }
    }
}
