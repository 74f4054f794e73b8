//! Codes of an authenticator app (RFC 6238, as every app does it: SHA-1, six digits, thirty seconds), and the
//! picture that it learns the secret from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::RngExt;
use sha1::Sha1;

use super::error::AuthError;

const STEP_SECONDS: i64 = 30;

/// How many steps a device's clock may be wrong.
const DRIFT: i64 = 1;

/// Points of the picture for each square, and squares around it, which cameras need.
const SCALE: usize = 6;
const MARGIN: usize = 4;

/// A new secret: 32 bytes in base32.
pub(super) fn new_secret() -> String {
    BASE32_NOPAD.encode(&rand::rng().random::<[u8; 32]>())
}

/// The step of time that a code is of, where it is one of this secret and later than `after`.
pub(super) fn step_of(secret: &str, code: &str, now: i64, after: i64) -> Option<i64> {
    let key = BASE32_NOPAD.decode(secret.trim_end_matches('=').as_bytes()).ok()?;
    let current = now / STEP_SECONDS;
    // All are compared, each as long, so that time tells nothing.
    let mut found = None;
    for step in current - DRIFT..=current + DRIFT {
        let is_equal =
            code_at(&key, step)?.bytes().zip(code.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0;
        if is_equal && code.len() == 6 && step > after {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
fn code_at(key: &[u8], step: i64) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).ok()?;
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest.last()? & 0xf);
    let word: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
    Some(format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000))
}

/// The picture of a secret, as a `data:` address.
pub(super) fn picture(issuer: &str, account: &str, secret: &str) -> Result<String, AuthError> {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (issuer, account) = (escaped(issuer), escaped(account));
    let address = format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    );
    let code = qrcode::QrCode::new(address).map_err(|error| AuthError::Draw(error.to_string()))?;
    let png = draw(&code).map_err(|error| AuthError::Draw(error.to_string()))?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

fn draw(code: &qrcode::QrCode) -> Result<Vec<u8>, png::EncodingError> {
    let squares = code.width();
    let side = (squares + 2 * MARGIN) * SCALE;
    let colors = code.to_colors();
    let is_dark = |x: usize, y: usize| {
        let (column, row) = ((x / SCALE).checked_sub(MARGIN), (y / SCALE).checked_sub(MARGIN));
        column.zip(row).is_some_and(|(column, row)| {
            column < squares && colors.get(row * squares + column) == Some(&qrcode::Color::Dark)
        })
    };
    let points: Vec<u8> =
        (0..side * side).map(|point| if is_dark(point % side, point / side) { 0 } else { 255 }).collect();
    let mut out = Vec::new();
    // At most 185 squares.
    let length = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut out, length, length);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&points)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6238, appendix B.
    const KEY: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_of_the_rfc() {
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000_i64, "353130")] {
            assert_eq!(code_at(KEY, time / STEP_SECONDS).unwrap(), code);
            assert_eq!(step_of(&BASE32_NOPAD.encode(KEY), code, time, 0), Some(time / STEP_SECONDS));
        }
    }

    #[test]
    fn a_code_is_good_a_step_early_or_late_and_once() {
        let secret = BASE32_NOPAD.encode(KEY);
        let code = code_at(KEY, 100).unwrap();
        let at = |step: i64, after: i64| step_of(&secret, &code, step * STEP_SECONDS, after);
        assert_eq!(
            [98, 99, 100, 101, 102].map(|step| at(step, 0)),
            [None, Some(100), Some(100), Some(100), None]
        );
        assert_eq!(at(100, 100), None);
        for bad in ["", "12345", "1234567", &code[..5]] {
            assert_eq!(step_of(&secret, bad, 3000, 0), None, "{bad}");
        }
        assert_eq!(step_of("not base32!", &code, 3000, 0), None);
        // Ten bytes, as older servers made them.
        let short = code_at(&KEY[..10], 100).unwrap();
        assert_eq!(step_of(&BASE32_NOPAD.encode(&KEY[..10]), &short, 3000, 0), Some(100));
    }

    #[test]
    fn secrets_differ_and_have_a_picture() {
        assert_ne!(new_secret(), new_secret());
        assert_eq!(new_secret().len(), 52);
        let picture = picture("Brain & Co", "a@b.c", &new_secret()).unwrap();
        assert!(picture.starts_with("data:image/png;base64,iVBORw0KGgo"), "{picture}");
    }
}
