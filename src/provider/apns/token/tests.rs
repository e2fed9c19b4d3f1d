//! Provider tokens as Apple describes them, in virtual time.

use super::*;
use crate::domain::ids::CredentialId;
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};

struct Key {
    p8: String,
    public: Vec<u8>,
}

fn key() -> Key {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let p8 = key.serialize_pem();
    let read = read_key(&SecretString::from(p8.as_str())).unwrap();
    Key { p8, public: read.public_key().as_ref().to_vec() }
}

fn credential(key: &Key) -> Credential {
    Credential {
        id: CredentialId::generate(),
        key_id: "ABC123DEFG".into(),
        team_id: "DEF123GHIJ".into(),
        key_p8: SecretString::from(key.p8.as_str()),
    }
}

fn clock() -> Clock {
    Clock::manual(Time::from_seconds(1_790_000_000))
}

fn claims(header: &HeaderValue, key: &Key) -> (serde_json::Value, serde_json::Value) {
    let token = header.to_str().unwrap().strip_prefix("bearer ").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(signature.len(), 64, "JOSE wants R and S, not ASN.1");
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public);
    public.verify(signed.as_bytes(), &signature).unwrap();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    (json(header), json(claims))
}

#[test]
fn a_token_is_signed_as_apple_wants_it() {
    let (clock, key) = (clock(), key());
    let signer = Signers::new(clock.clone()).signer(&credential(&key)).unwrap();
    let header = signer.authorization(clock.now()).unwrap();
    assert!(header.is_sensitive());
    assert!(!header.to_str().unwrap().contains(['=', '+', '/']));
    let (head, claims) = claims(&header, &key);
    assert_eq!(head, serde_json::json!({ "alg": "ES256", "kid": "ABC123DEFG" }));
    assert_eq!(claims, serde_json::json!({ "iss": "DEF123GHIJ", "iat": 1_790_000_000 }));
}

#[test]
fn a_token_is_replaced_after_50_minutes() {
    let (clock, key) = (clock(), key());
    let signer = Signers::new(clock.clone()).signer(&credential(&key)).unwrap();
    let first = signer.authorization(clock.now()).unwrap();
    clock.advance(REPLACE_AFTER.saturating_sub(Duration::from_secs(1)));
    assert_eq!(signer.authorization(clock.now()).unwrap(), first);
    clock.advance(Duration::from_secs(1));
    let second = signer.authorization(clock.now()).unwrap();
    assert_ne!(second, first);
    assert_eq!(claims(&second, &key).1["iat"], 1_790_003_000);
}

#[test]
fn a_token_that_apple_calls_expired_is_not_replaced_twice_in_20_minutes() {
    let (clock, key) = (clock(), key());
    let signer = Signers::new(clock.clone()).signer(&credential(&key)).unwrap();
    let first = signer.authorization(clock.now()).unwrap();
    clock.advance(MINT_EVERY.saturating_sub(Duration::from_secs(1)));
    signer.replace(clock.now());
    assert_eq!(signer.authorization(clock.now()).unwrap(), first);
    clock.advance(Duration::from_secs(1));
    signer.replace(clock.now());
    let second = signer.authorization(clock.now()).unwrap();
    assert_ne!(second, first);
    signer.replace(clock.now());
    assert_eq!(signer.authorization(clock.now()).unwrap(), second);
}

#[test]
fn threads_that_come_at_once_get_the_same_token() {
    let (clock, key) = (clock(), key());
    let (signers, credential) = (Signers::new(clock.clone()), credential(&key));
    let tokens: Vec<HeaderValue> = std::thread::scope(|scope| {
        let ask = || signers.signer(&credential).unwrap().authorization(clock.now()).unwrap();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[test]
fn another_key_under_the_same_ids_does_not_disturb_the_first() {
    let (clock, key, wrong) = (clock(), key(), key());
    let signers = Signers::new(clock.clone());
    let first = signers.signer(&credential(&key)).unwrap().authorization(clock.now()).unwrap();
    let other = signers.signer(&credential(&wrong)).unwrap().authorization(clock.now()).unwrap();
    assert_ne!(first, other);
    let again = signers.signer(&credential(&key)).unwrap().authorization(clock.now()).unwrap();
    assert_eq!(first, again);
}

#[test]
fn neither_key_nor_token_is_printed() {
    let (clock, key) = (clock(), key());
    let credential = credential(&key);
    let signer = Signers::new(clock.clone()).signer(&credential).unwrap();
    let header = signer.authorization(clock.now()).unwrap();
    let token = header.to_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
    let printed = format!("{signer:?} {credential:?} {header:?}");
    let secret = key.p8.lines().nth(1).unwrap();
    assert!(!printed.contains(&token) && !printed.contains(secret), "{printed}");
}

#[test]
fn only_a_p256_key_in_pkcs8_is_taken() {
    assert_eq!(validate_key(&key().p8), Ok(()));
    assert_eq!(validate_key(&format!("\r\n{}\n", key().p8.replace('\n', "\r\n"))), Ok(()));
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    assert!(validate_key(&other.serialize_pem()).unwrap_err().contains("P-256"));
    for text in ["", "secret", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"]
    {
        assert!(validate_key(text).unwrap_err().contains(".p8"), "{text}");
    }
}
