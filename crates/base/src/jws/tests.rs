use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::algorithm::Primitive;
use super::*;

/// DER of a private key and of its public half.
fn pair(algorithm: Algorithm) -> (Vec<u8>, Vec<u8>) {
    match algorithm.primitive() {
        Primitive::Hmac(_) => panic!("shared keys have one half"),
        Primitive::Rsa { .. } => {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
            let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (private.as_ref().to_vec(), public.as_ref().to_vec())
        }
        Primitive::Ecdsa(curve) => {
            let pair = EcdsaKeyPair::generate(curve.sign).unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (pair.to_pkcs8v1().unwrap().as_ref().to_vec(), public.as_ref().to_vec())
        }
        Primitive::Ed25519 => {
            let pair = Ed25519KeyPair::generate().unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (pair.to_pkcs8v1().unwrap().as_ref().to_vec(), public.as_ref().to_vec())
        }
    }
}

fn pem_of(tag: &str, der: &[u8]) -> String {
    ::pem::encode(&::pem::Pem::new(tag, der))
}

/// What signs and what verifies, for every algorithm.
fn keys(algorithm: Algorithm) -> (SigningKey, VerifyingKey) {
    if algorithm.family() == Family::Hmac {
        let key = SigningKey::shared(algorithm, &[7; 64]).unwrap();
        let verifying = key.verifying().unwrap();
        return (key, verifying);
    }
    let (private, public) = pair(algorithm);
    let private = SigningKey::from_pem(algorithm, pem_of("PRIVATE KEY", &private).as_bytes()).unwrap();
    let public = VerifyingKey::from_pem(algorithm, pem_of("PUBLIC KEY", &public).as_bytes()).unwrap();
    (private, public)
}

fn read(token: &str, key: &VerifyingKey) -> Option<Vec<u8>> {
    Compact::read(token)?.payload_by(key)
}

fn of_jwk(jwk: Value) -> Vec<VerifyingKey> {
    serde_json::from_value::<Jwk>(jwk).map(|jwk| jwk.verifying()).unwrap_or_default()
}

/// A key of another implementation.
fn theirs(algorithm: Algorithm) -> Option<jsonwebtoken::Algorithm> {
    algorithm.name().parse().ok()
}

#[test]
fn the_examples_of_the_rfcs() {
    // RFC 7515, appendix A.3 and A.4; RFC 8037, appendix A.4.
    let es256 = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let es512 = json!({ "kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2" });
    let ed25519 =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    for (jwk, token, payload) in [
        (
            es256,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc\
             19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
        ),
        (
            es512,
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2S\
             I-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLze\
             O_Jn",
            "Payload",
        ),
        (
            ed25519,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dW\
             bhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            "Example of Ed25519 signing",
        ),
    ] {
        let keys = of_jwk(jwk.clone());
        assert_eq!(keys.len(), 1, "{jwk}");
        assert_eq!(read(token, &keys[0]).as_deref(), Some(payload.as_bytes()), "{jwk}");
        // What is published of it is what it was.
        let published = serde_json::to_value(Jwk::of(&keys[0], None)).unwrap();
        assert!(
            jwk.as_object().unwrap().iter().all(|(name, value)| published[name] == *value),
            "{published}"
        );
    }
}

#[test]
fn every_algorithm_signs_what_it_alone_verifies() {
    let others = Algorithm::ALL.map(|algorithm| keys(algorithm).1);
    for algorithm in Algorithm::ALL {
        let (private, public) = keys(algorithm);
        let token = sign(&private, Some("k"), b"{}").unwrap();
        let compact = Compact::read(&token).unwrap();
        assert_eq!((compact.algorithm, compact.kid.as_deref()), (algorithm, Some("k")));
        assert_eq!(read(&token, &public).as_deref(), Some(b"{}".as_slice()), "{algorithm:?}");
        assert!(read(&token, &private.verifying().unwrap()).is_some(), "{algorithm:?}");
        // The shared keys are one for all three lengths of the hash, the others of each algorithm differ.
        for other in others.iter().filter(|other| other.algorithm() != algorithm) {
            assert!(read(&token, other).is_none(), "{algorithm:?} by {:?}", other.algorithm());
        }
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(read(&changed, &public).is_none(), "{algorithm:?}: {changed}");
        }
    }
}

#[test]
fn another_implementation_reads_our_tokens_and_we_read_its() {
    let mut compared = 0;
    for algorithm in Algorithm::ALL {
        let Some(their) = theirs(algorithm) else { continue };
        compared += 1;
        let (signer, reader, ours) = if algorithm.family() == Family::Hmac {
            let (key, secret) = (keys(algorithm), [7; 64]);
            let signer = jsonwebtoken::EncodingKey::from_secret(&secret);
            (signer, jsonwebtoken::DecodingKey::from_secret(&secret), key)
        } else {
            let (private, public) = pair(algorithm);
            let (private, public) = (pem_of("PRIVATE KEY", &private), pem_of("PUBLIC KEY", &public));
            let (private, public) = (private.as_bytes(), public.as_bytes());
            let (signer, reader) = match algorithm.family() {
                Family::Rsa => (
                    jsonwebtoken::EncodingKey::from_rsa_pem(private),
                    jsonwebtoken::DecodingKey::from_rsa_pem(public),
                ),
                Family::Ec => (
                    jsonwebtoken::EncodingKey::from_ec_pem(private),
                    jsonwebtoken::DecodingKey::from_ec_pem(public),
                ),
                _ => (
                    jsonwebtoken::EncodingKey::from_ed_pem(private),
                    jsonwebtoken::DecodingKey::from_ed_pem(public),
                ),
            };
            let ours = (
                SigningKey::from_pem(algorithm, private).unwrap(),
                VerifyingKey::from_pem(algorithm, public).unwrap(),
            );
            (signer.unwrap(), reader.unwrap(), ours)
        };
        let payload = json!({ "exp": 4_000_000_000_i64 });
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::new(their), &payload, &signer).unwrap();
        assert_eq!(read(&token, &ours.1), Some(payload.to_string().into_bytes()), "{algorithm:?}");
        let token = sign(&ours.0, Some("k"), payload.to_string().as_bytes()).unwrap();
        let rules = jsonwebtoken::Validation::new(their);
        let decoded = jsonwebtoken::decode::<Value>(&token, &reader, &rules).unwrap();
        assert_eq!((decoded.claims, decoded.header.kid.as_deref()), (payload, Some("k")), "{algorithm:?}");
        // And it understands what we publish.
        if let Some(jwk) = Jwk::of(&ours.1, Some("k")) {
            let jwk: jsonwebtoken::jwk::Jwk =
                serde_json::from_value(serde_json::to_value(jwk).unwrap()).unwrap();
            let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
            assert!(jsonwebtoken::decode::<Value>(&token, &key, &rules).is_ok(), "{algorithm:?}");
        }
    }
    // All but ES512, which it does not have.
    assert_eq!(compared, Algorithm::ALL.len() - 1);
}

#[test]
fn keys_come_in_every_form_that_openssl_writes() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let info: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    for (tag, der) in [("RSA PUBLIC KEY", pair.public_key().as_ref()), ("PUBLIC KEY", info.as_ref())] {
        assert!(VerifyingKey::from_pem(Algorithm::Ps384, pem_of(tag, der).as_bytes()).is_ok(), "{tag}");
    }
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
        let Primitive::Ecdsa(curve) = algorithm.primitive() else { panic!("no curve") };
        let pair = EcdsaKeyPair::generate(curve.sign).unwrap();
        let der: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
        let text = pem_of("EC PARAMETERS", &[6, 1, 1]) + &pem_of("EC PRIVATE KEY", der.as_ref());
        assert!(SigningKey::from_pem(algorithm, text.as_bytes()).is_ok(), "{algorithm:?}");
    }
    for (algorithm, kind) in [
        (Algorithm::Es256, &rcgen::PKCS_ECDSA_P256_SHA256),
        (Algorithm::Es512, &rcgen::PKCS_ECDSA_P521_SHA512),
        (Algorithm::EdDsa, &rcgen::PKCS_ED25519),
        (Algorithm::Rs256, &rcgen::PKCS_RSA_SHA256),
    ] {
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["keys.example".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let signing = SigningKey::from_pem(algorithm, key.serialize_pem().as_bytes()).unwrap();
        let verifying = VerifyingKey::from_pem(algorithm, certificate.as_bytes()).unwrap();
        assert!(read(&sign(&signing, None, b"{}").unwrap(), &verifying).is_some(), "{algorithm:?}");
    }
    for text in ["", "no PEM", &pem_of("PRIVATE KEY", b"nonsense"), &pem_of("CERTIFICATE", b"nonsense")] {
        assert!(VerifyingKey::from_pem(Algorithm::Es512, text.as_bytes()).is_err(), "{text}");
        assert!(SigningKey::from_pem(Algorithm::Es512, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_is_no_token_is_not_read() {
    let (private, public) = keys(Algorithm::Es512);
    let token = sign(&private, None, b"{}").unwrap();
    let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let with_header = |header: Value| {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{payload}.{signature}")
    };
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{token}."),
        format!("{token}="),
        format!(".{token}"),
        format!("{payload}.{signature}"),
        with_header(json!({ "alg": "none" })),
        with_header(json!({ "alg": "ES256K" })),
        with_header(json!({ "alg": ["ES512"] })),
        with_header(json!({ "alg": "ES512", "crit": ["b64"], "b64": false })),
        with_header(json!({})),
    ] {
        assert!(read(&bad, &public).is_none(), "{bad}");
    }
}

#[test]
fn of_a_set_of_keys_those_are_taken_that_verify() {
    let (_, rsa) = keys(Algorithm::Rs256);
    let (_, curve) = keys(Algorithm::Es512);
    let shown = |key: &VerifyingKey, change: Value| {
        let mut jwk = serde_json::to_value(Jwk::of(key, Some("k"))).unwrap();
        jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        of_jwk(jwk).iter().map(VerifyingKey::algorithm).collect::<Vec<_>>()
    };
    assert_eq!(shown(&rsa, json!({})), [Algorithm::Rs256]);
    assert_eq!(shown(&rsa, json!({ "alg": null, "use": null })).len(), 6);
    assert_eq!(shown(&curve, json!({ "alg": null })), [Algorithm::Es512]);
    for change in [
        json!({ "use": "enc" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "ECDH-ES" }),
        json!({ "crv": "P-256" }),
        json!({ "crv": "secp256k1" }),
        json!({ "kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZg" }),
        json!({ "x": "AQ" }),
        json!({ "y": "" }),
        json!({ "x": "not base64!" }),
        json!({ "x": null }),
    ] {
        assert!(shown(&curve, change.clone()).is_empty(), "{change}");
    }
    // 1024 bits.
    let short = json!({ "kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xc5; 128]) });
    assert!(of_jwk(short).is_empty());
    assert!(Jwk::of(&keys(Algorithm::Hs256).1, None).is_none());
}
