use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
};
use base64::Engine as _;
use serde_json::json;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn read(secret: &str, clock: Clock) -> Result<JwtKeys, JwtSecretError> {
    JwtKeys::parse(&SecretString::from(secret.to_owned()), clock)
}

fn keys(secret: &str, clock: &Clock) -> JwtKeys {
    read(secret, clock.clone()).unwrap()
}

fn refusal(secret: &Value) -> JwtSecretError {
    read(&secret.to_string(), Clock::manual(0)).err().unwrap()
}

fn sign_with(keys: &JwtKeys, claims: &BTreeMap<String, String>) -> String {
    let roles = ["user".to_owned(), "me".to_owned()];
    keys.sign(UserId(uuid::Uuid::nil()), 900, "user", &roles, claims).unwrap()
}

fn sign(keys: &JwtKeys) -> String {
    sign_with(keys, &BTreeMap::new())
}

/// A key of somebody who signs whatever payload they like.
fn token_of(secret: &str, payload: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256), payload, &key).unwrap()
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

/// A public and a private key.
fn pem_pair(private: &[u8], public: &[u8]) -> (String, String) {
    (pem("PUBLIC KEY", public), pem("PRIVATE KEY", private))
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> (String, String) {
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    pem_pair(private.as_ref(), public.as_ref())
}

fn ed() -> (String, String) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let private = pair.to_pkcs8v1().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    pem_pair(private.as_ref(), public.as_ref())
}

fn rsa() -> (String, String) {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    pem_pair(private.as_ref(), public.as_ref())
}

/// A secret of each kind that has two halves.
fn pairs() -> Vec<(&'static str, (String, String))> {
    let rsa = rsa();
    let mut all = vec![
        ("ES256", ec(&ECDSA_P256_SHA256_FIXED_SIGNING)),
        ("ES384", ec(&ECDSA_P384_SHA384_FIXED_SIGNING)),
        ("ES512", ec(&ECDSA_P521_SHA512_FIXED_SIGNING)),
        ("EdDSA", ed()),
    ];
    all.extend(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|kind| (kind, rsa.clone())));
    all
}

#[test]
fn a_signed_token_reads_back() {
    let keys = keys(SECRET, &Clock::manual(1_000));
    let custom = BTreeMap::from([("x-hasura-org".to_owned(), "ü>?~".to_owned())]);
    let claims = keys.verify(&sign_with(&keys, &custom)).unwrap();
    assert_eq!(claims.user_id, Some(UserId(uuid::Uuid::nil())));
    assert_eq!(claims.expires_at, 1_900);
    assert_eq!(claims.default_role, "user");
    assert_eq!(claims.variables.get("x-hasura-org").map(String::as_str), Some("ü>?~"));
    assert!(keys.verify_own(&sign(&keys)).is_ok());
}

#[test]
fn the_payload_has_no_character_that_atob_refuses() {
    let keys = keys(SECRET, &Clock::manual(1_000));
    let custom = BTreeMap::from([("x-hasura-org".to_owned(), "??>>~~ÿÿüü🙂".to_owned())]);
    let token = sign_with(&keys, &custom);
    let payload = token.split('.').nth(1).unwrap();
    assert!(!payload.contains(['-', '_']), "{payload}");
}

#[test]
fn an_old_forged_or_foreign_token_is_refused() {
    let clock = Clock::manual(1_000);
    let ours = keys(SECRET, &clock);
    let token = sign(&ours);
    let foreign = keys("fedcba9876543210fedcba9876543210", &clock);
    assert_eq!(foreign.verify(&token), Err(TokenError::Invalid));
    let longer = keys(&format!(r#"{{"type":"HS512","key":"{SECRET}"}}"#), &clock);
    assert_eq!(longer.verify(&token), Err(TokenError::Invalid));
    assert_eq!(ours.verify("a.b.c"), Err(TokenError::Invalid));
    assert_eq!(ours.verify(""), Err(TokenError::Invalid));
    assert_eq!(ours.verify(&format!("{token}{}", "x".repeat(20_000))), Err(TokenError::Invalid));
    clock.advance(900);
    assert_eq!(ours.verify(&token), Err(TokenError::Expired));
}

#[test]
fn a_secret_is_checked_without_being_shown() {
    let parse = |text: &str| read(text, Clock::manual(0)).err();
    assert_eq!(parse("short"), Some(JwtSecretError::TooShort(5)));
    assert_eq!(
        parse(&format!(r#"{{"type":"XX","key":"{SECRET}"}}"#)),
        Some(JwtSecretError::UnsupportedType("XX".to_owned()))
    );
    assert!(matches!(parse(r#"{"type":"HS256"}"#), Some(JwtSecretError::Malformed(_))));
    assert_eq!(parse(&format!(r#"{{"type":"HS384","key":"{SECRET}"}}"#)), None);
    assert_eq!(parse("[]"), Some(JwtSecretError::Count(0)));
    let one = json!({ "type": "HS256", "key": SECRET, "kid": "a" });
    assert_eq!(refusal(&json!([one, one])), JwtSecretError::SameKid("a".to_owned()));
    for bad in [
        json!({ "type": "HS256", "key": SECRET, "claims_format": "xml" }),
        json!({ "type": "HS256", "key": SECRET, "header": { "type": "Cookie" } }),
        json!({ "type": "HS256", "key": SECRET, "claims_namespace": "a", "claims_namespace_path": "b" }),
        json!({ "type": "HS256", "key": SECRET, "claims_map": { "x-hasura-a": { "path": "a..b" } } }),
        json!({ "jwk_url": "file:///etc/passwd" }),
        json!({ "jwk_url": "https://a.example", "key": SECRET }),
        json!({ "key": SECRET }),
    ] {
        let error = refusal(&bad);
        assert!(matches!(error, JwtSecretError::Malformed(_)), "{bad}: {error}");
        assert!(!error.to_string().contains(SECRET));
    }
    let error = refusal(&json!({ "type": "RS256", "key": "no PEM" }));
    assert!(matches!(error, JwtSecretError::BadKey(_)), "{error}");
}

#[test]
fn every_kind_of_pair_signs_verifies_and_shows_its_public_half() {
    let clock = Clock::manual(1_000);
    for (kind, (public, private)) in pairs() {
        let both = keys(
            &json!({ "type": kind, "key": public, "signing_key": private, "kid": "k1" }).to_string(),
            &clock,
        );
        let token = sign(&both);
        assert_eq!(Compact::read(&token).unwrap().kid.as_deref(), Some("k1"), "{kind}");
        assert!(both.verify_own(&token).is_ok(), "{kind}");
        // The public half can be made from the private one.
        let private_alone =
            keys(&json!({ "type": kind, "signing_key": private, "kid": "k1" }).to_string(), &clock);
        assert!(private_alone.verify(&token).is_ok(), "{kind}");
        let public_alone = keys(&json!({ "type": kind, "key": public }).to_string(), &clock);
        assert!(public_alone.verify(&token).is_ok() && !public_alone.can_sign(), "{kind}");
        assert_eq!(public_alone.verify_own(&token), Err(TokenError::NoSigningKey));

        // Whoever reads the published keys can verify, too.
        let published = json!({ "keys": both.public_keys() });
        assert!(
            published["keys"][0].get("d").is_none() && published["keys"][0]["use"] == "sig",
            "{published}"
        );
        let reader = keys(r#"{"jwk_url":"https://a.example/jwks.json"}"#, &clock);
        assert_eq!(reader.verify(&token), Err(TokenError::Invalid));
        assert_eq!(reader.remotes()[0].install(published.to_string().as_bytes()), Ok(1), "{kind}");
        assert!(reader.verify(&token).is_ok(), "{kind}");
    }
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let (one, other) = (ec(&ECDSA_P256_SHA256_FIXED_SIGNING), ec(&ECDSA_P256_SHA256_FIXED_SIGNING));
    let mixed = json!({ "type": "ES256", "key": one.0, "signing_key": other.1 });
    assert!(matches!(refusal(&mixed), JwtSecretError::BadKey(_)));
    // A key of another curve, or of another kind.
    let (public, private) = ec(&ECDSA_P384_SHA384_FIXED_SIGNING);
    for kind in ["ES256", "EdDSA", "RS256"] {
        assert!(
            matches!(refusal(&json!({ "type": kind, "key": public })), JwtSecretError::BadKey(_)),
            "{kind}"
        );
        let signing = json!({ "type": kind, "signing_key": private });
        assert!(matches!(refusal(&signing), JwtSecretError::BadKey(_)), "{kind}");
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_one() {
    let clock = Clock::manual(1_000);
    let (public, _) = rsa();
    let keys = keys(&json!({ "type": "RS256", "key": public }).to_string(), &clock);
    let claims = json!({ "x-hasura-default-role": "admin", "x-hasura-allowed-roles": ["admin"] });
    let forged = json!({ "exp": 2_000, HASURA_NAMESPACE: claims });
    assert_eq!(keys.verify(&token_of(&public, &forged)), Err(TokenError::Invalid));
}

#[test]
fn of_a_list_the_first_signs_and_all_verify() {
    let clock = Clock::manual(1_000);
    let (old, new) = (json!({ "type": "HS256", "key": SECRET }), pairs());
    let old_keys = keys(&old.to_string(), &clock);
    let old_token = sign(&old_keys);
    for (kind, (_, private)) in new {
        let rotated =
            keys(&json!([{ "type": kind, "signing_key": private, "kid": "new" }, old]).to_string(), &clock);
        let token = sign(&rotated);
        assert!(rotated.verify_own(&token).is_ok() && rotated.verify_own(&old_token).is_ok(), "{kind}");
        assert_eq!(old_keys.verify(&token), Err(TokenError::Invalid));
    }
}

#[test]
fn a_key_signs_when_its_time_has_come_and_verifies_before() {
    let clock = Clock::manual(1_000);
    let key = |kid: &str, from: Option<i64>| {
        let mut key = json!({ "type": "HS256", "key": format!("{kid}{SECRET}"), "kid": kid });
        key["signs_from"] = from.map_or(Value::Null, Value::from);
        key
    };
    let list = [key("third", Some(1_020)), key("second", Some(1_010)), key("first", None)];
    let keys = keys(&json!(list).to_string(), &clock);
    let alone = |kid: &str| self::keys(&key(kid, None).to_string(), &clock);
    for (advance, name) in [(0, "first"), (9, "first"), (1, "second"), (9, "second"), (1, "third")] {
        clock.advance(advance);
        assert!(keys.is_signer(Some(name)) && !keys.is_signer(None));
        assert!(alone(name).verify(&sign(&keys)).is_ok(), "{name} at {}", clock.unix_seconds());
        for name in ["first", "second", "third"] {
            assert!(keys.verify_own(&sign(&alone(name))).is_ok(), "{name}");
        }
    }
    // A clock that is set back leaves nobody without a key.
    clock.advance(-500);
    let later = self::keys(&json!([list[0], list[1]]).to_string(), &clock);
    assert!(later.can_sign() && later.is_signer(Some("second")));
}

#[test]
fn keys_are_replaced_for_all_who_have_them() {
    let clock = Clock::manual(1_000);
    let (ours, other) = (keys(SECRET, &clock), "fedcba9876543210fedcba9876543210");
    let (copy, token) = (ours.clone(), sign(&ours));
    assert!(ours.replace(&"short".to_owned().into()).is_err());
    assert!(copy.verify(&token).is_ok());
    ours.replace(&other.to_owned().into()).unwrap();
    assert_eq!(copy.verify(&token), Err(TokenError::Invalid));
    assert!(copy.verify(&sign(&ours)).is_ok());
    let added = r#"{"jwk_url":"https://a.example"}"#.to_owned();
    assert_eq!(ours.replace(&added.into()), Err(JwtSecretError::NewUrl));
}

#[test]
fn times_audience_and_issuer_are_held() {
    let clock = Clock::manual(1_000);
    let secret = json!({
        "type": "HS256", "key": SECRET, "issuer": "us", "audience": ["a", "b"], "allowed_skew": 60
    });
    let keys = keys(&secret.to_string(), &clock);
    assert!(keys.verify(&sign(&keys)).is_ok());
    let claims = json!({ "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user"] });
    let judged = |change: &dyn Fn(&mut Value)| {
        let mut payload = json!({ "iss": "us", "aud": "b", "exp": 1_900, HASURA_NAMESPACE: claims });
        change(&mut payload);
        keys.verify(&token_of(SECRET, &payload)).err()
    };
    assert_eq!(judged(&|_| {}), None);
    assert_eq!(judged(&|payload| payload["aud"] = json!(["x", "a"])), None);
    assert_eq!(judged(&|payload| payload["aud"] = json!("x")), Some(TokenError::Audience));
    assert_eq!(judged(&|payload| payload["aud"] = Value::Null), Some(TokenError::Audience));
    assert_eq!(judged(&|payload| payload["iss"] = json!("them")), Some(TokenError::Issuer));
    assert_eq!(judged(&|payload| payload["exp"] = json!(941)), None);
    assert_eq!(judged(&|payload| payload["exp"] = json!(940)), Some(TokenError::Expired));
    assert_eq!(judged(&|payload| payload["exp"] = json!(1_900.5)), None);
    assert_eq!(judged(&|payload| payload["nbf"] = json!(1_060)), None);
    assert_eq!(judged(&|payload| payload["nbf"] = json!(1_061)), Some(TokenError::NotYetValid));
    assert_eq!(judged(&|payload| payload["iat"] = json!(1_061)), Some(TokenError::Invalid));
    assert_eq!(judged(&|payload| payload["exp"] = json!("soon")), Some(TokenError::Invalid));
}

#[test]
fn claims_are_found_where_the_secret_says() {
    let clock = Clock::manual(1_000);
    let claims =
        json!({ "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user"], "X-Hasura-Org": "7" });
    let read = |options: Value, payload: Value| {
        let mut secret = json!({ "type": "HS256", "key": SECRET });
        secret.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let keys = keys(&secret.to_string(), &clock);
        // What is signed here is read here.
        if secret.get("claims_map").is_none() {
            assert!(keys.verify(&sign(&keys)).is_ok(), "{secret}");
        }
        let mut full = json!({ "exp": 1_900, "sub": "s" });
        full.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
        keys.verify(&token_of(SECRET, &full)).map(|claims| claims.variables)
    };
    let org = Ok(BTreeMap::from([("x-hasura-org".to_owned(), "7".to_owned())]));
    assert_eq!(read(json!({}), json!({ HASURA_NAMESPACE: claims })), org);
    assert_eq!(read(json!({ "claims_namespace": "here" }), json!({ "here": claims })), org);
    assert_eq!(read(json!({ "claims_namespace_path": "$" }), claims.clone()), org);
    assert_eq!(read(json!({ "claims_namespace_path": "$.a.b" }), json!({ "a": { "b": claims } })), org);
    let text = json!({ HASURA_NAMESPACE: claims.to_string() });
    assert_eq!(read(json!({ "claims_format": "stringified_json" }), text.clone()), org);
    assert_eq!(read(json!({}), text), Err(TokenError::Claims));
    let map = json!({ "claims_map": {
        "x-hasura-allowed-roles": { "path": "$.user.roles" }, "x-hasura-default-role": "user",
        "x-hasura-org": { "path": "$.org", "default": "7" }, "x-hasura-no": { "path": "$.no" },
    } });
    assert_eq!(read(map.clone(), json!({ "user": { "roles": ["user"] } })), org);
    assert_eq!(read(map, json!({})), Err(TokenError::Claims));
}

#[test]
fn keys_at_an_address_are_told_when_one_is_missing() {
    let clock = Clock::manual(1_000);
    let reader = keys(r#"{"jwk_url":"https://a.example/jwks.json"}"#, &clock);
    let remote = &reader.remotes()[0];
    let mut waiting = std::pin::pin!(remote.missed());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    let (_, private) = ed();
    let signer = keys(&json!({ "type": "EdDSA", "signing_key": private, "kid": "k" }).to_string(), &clock);
    assert_eq!(reader.verify(&sign(&signer)), Err(TokenError::Invalid));
    assert!(waiting.as_mut().poll(&mut context).is_ready());
    assert_eq!(remote.install(b"[]"), Err(RemoteKeysError::Malformed));
    let shared =
        json!({ "keys": [{ "kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZg", "kid": "k" }, { "kty": "new" }] });
    assert_eq!(remote.install(shared.to_string().as_bytes()), Err(RemoteKeysError::Empty));
    assert_eq!(remote.install(json!({ "keys": signer.public_keys() }).to_string().as_bytes()), Ok(1));
    assert!(reader.verify(&sign(&signer)).is_ok());
}
