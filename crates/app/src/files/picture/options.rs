//! What a request wants of a picture: `w`, `h`, `q`, `b` and `f` of Nhost Storage.

use http::HeaderMap;
use http::header::ACCEPT;

use super::geometry::MAX_SIDE;
use super::{Format, PictureError};

/// The strongest blur: beyond it a picture is one colour.
const MAX_SIGMA: f32 = 250.0;

/// The wishes of a request. Equal ones make equal pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::files) struct Options {
    /// The width in pixels.
    pub(super) width: Option<u32>,
    /// The height in pixels.
    pub(super) height: Option<u32>,
    /// The quality, 1 to 100.
    pub(super) quality: Option<u8>,
    /// The blur's sigma in hundredths of a pixel.
    blur: u32,
    /// The format.
    pub(super) output: Output,
}

/// The format of what is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Output {
    /// The source's.
    Same,
    /// This one.
    Format(Format),
    /// The best of those that the client shows.
    Auto(Accepted),
}

/// The formats of pictures for who takes several: the smaller first.
const BEST: [Format; 4] = [Format::Avif, Format::WebP, Format::Jpeg, Format::Png];

/// Which of [`BEST`] an `Accept` header names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Accepted([bool; BEST.len()]);

impl Accepted {
    fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            // A weight of zero says no (RFC 9110, 12.4.2).
            let is_refused = parts.any(|part| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32))
            });
            for (is_accepted, format) in accepted.0.iter_mut().zip(BEST) {
                if media_type.eq_ignore_ascii_case(format.media_type()) {
                    *is_accepted = !is_refused;
                }
            }
        }
        accepted
    }

    /// The first that is named of AVIF, WebP, JPEG and PNG; the source's format where none is.
    pub(super) fn choose(self, source: Format, takes_avif: bool) -> Format {
        self.named().find(|format| takes_avif || *format != Format::Avif).unwrap_or(source)
    }

    fn named(self) -> impl Iterator<Item = Format> {
        BEST.into_iter().zip(self.0).filter(|(_, is_accepted)| *is_accepted).map(|(format, _)| format)
    }
}

impl Options {
    /// Reads the options in a query string; `None` where there are none, and the file is sent as it is.
    pub(in crate::files) fn read(query: &str, headers: &HeaderMap) -> Result<Option<Self>, PictureError> {
        let mut options = Self { width: None, height: None, quality: None, blur: 0, output: Output::Same };
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "w" => options.width = Some(side(value)?),
                "h" => options.height = Some(side(value)?),
                "q" => options.quality = Some(quality(value)?),
                "b" => options.blur = blur(value)?,
                "f" => options.output = output(value, headers)?,
                _ => {}
            }
        }
        let Self { width, height, quality, blur, output } = options;
        let is_plain = width.is_none() && height.is_none() && quality.is_none() && blur == 0;
        Ok((!is_plain || output != Output::Same).then_some(options))
    }

    /// The options for a source of this format, without the quality where none comes of it: equal pictures are one.
    pub(in crate::files) fn of_source(self, source: Format) -> Self {
        let is_png = match self.output {
            Output::Same => source == Format::Png,
            Output::Format(format) => format == Format::Png,
            Output::Auto(accepted) => {
                [true, false].iter().all(|avif| accepted.choose(source, *avif) == Format::Png)
            }
        };
        Self { quality: self.quality.filter(|_| !is_png), ..self }
    }

    /// Whether what is made depends on the `Accept` header.
    pub(in crate::files) fn depends_on_accept(&self) -> bool {
        matches!(self.output, Output::Auto(_))
    }

    /// The blur's sigma in pixels.
    #[expect(clippy::cast_precision_loss, reason = "it came from a float, and is small")]
    pub(super) fn blur(&self) -> f32 {
        self.blur as f32 / 100.0
    }

    /// The options in a few letters that stand for them in an entity tag and a file's name.
    pub(super) fn code(&self) -> String {
        let output = match self.output {
            Output::Same => "same".to_owned(),
            Output::Format(format) => format.extension().to_owned(),
            Output::Auto(accepted) => {
                accepted.named().fold("auto".to_owned(), |code, format| code + "-" + format.extension())
            }
        };
        let (width, height) = (self.width.unwrap_or(0), self.height.unwrap_or(0));
        let (quality, blur) = (self.quality.unwrap_or(0), self.blur);
        format!("w{width}h{height}q{quality}b{blur}-{output}")
    }
}

fn side(value: &str) -> Result<u32, PictureError> {
    let side = value.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
    side.ok_or(PictureError::Options("w and h are whole numbers from 1 to 8192"))
}

fn quality(value: &str) -> Result<u8, PictureError> {
    let quality = value.parse().ok().filter(|quality| (1..=100).contains(quality));
    quality.ok_or(PictureError::Options("q is a whole number from 1 to 100"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and a hundred times the largest sigma"
)]
fn blur(value: &str) -> Result<u32, PictureError> {
    let sigma = value.parse().ok().filter(|sigma| (0.0..=MAX_SIGMA).contains(sigma));
    let sigma: f32 = sigma.ok_or(PictureError::Options("b is a number from 0 to 250"))?;
    Ok((sigma * 100.0).round() as u32)
}

fn output(value: &str, headers: &HeaderMap) -> Result<Output, PictureError> {
    match value {
        "same" => Ok(Output::Same),
        "auto" => Ok(Output::Auto(Accepted::of(headers))),
        "jpeg" => Ok(Output::Format(Format::Jpeg)),
        "webp" => Ok(Output::Format(Format::WebP)),
        "png" => Ok(Output::Format(Format::Png)),
        "avif" => Ok(Output::Format(Format::Avif)),
        _ => Err(PictureError::Options("f is one of auto, same, jpeg, webp, png and avif")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(query: &str) -> Result<Option<Options>, PictureError> {
        Options::read(query, &HeaderMap::new())
    }

    fn accepting(accept: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Accepted::of(&headers)
    }

    #[test]
    fn options_are_read_within_their_bounds() {
        for plain in ["", "token=x", "f=same", "b=0", "f=same&b=0.0"] {
            assert_eq!(read(plain), Ok(None), "{plain}");
        }
        for wrong in [
            "w=0",
            "w=8193",
            "w=",
            "w",
            "h=-1",
            "h=1.5",
            "q=0",
            "q=101",
            "q=x",
            "b=-1",
            "b=NaN",
            "b=inf",
            "b=251",
            "f=heic",
            "f=gif",
            "f=",
            "f=JPEG",
            "w=1&f=svg",
        ] {
            assert!(matches!(read(wrong), Err(PictureError::Options(_))), "{wrong}");
        }
        let options = read("w=320&h=200&q=70&b=1.5&f=webp&x=y").unwrap().unwrap();
        assert_eq!(options.code(), "w320h200q70b150-webp");
        assert_eq!((options.blur() * 2.0).to_string(), "3");
        assert_eq!(read("f=auto").unwrap().unwrap().code(), "w0h0q0b0-auto");
    }

    #[test]
    fn the_quality_of_what_has_none_makes_no_other_picture() {
        let code = |query, accept, source| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            Options::read(query, &headers).unwrap().unwrap().of_source(source).code()
        };
        assert_eq!(code("w=5&q=7&f=png", "*/*", Format::Jpeg), "w5h0q0b0-png");
        assert_eq!(code("w=5&q=7", "*/*", Format::Png), "w5h0q0b0-same");
        assert_eq!(code("w=5&q=7&f=auto", "*/*", Format::Png), "w5h0q0b0-auto");
        assert_eq!(code("w=5&q=7", "*/*", Format::Jpeg), "w5h0q7b0-same");
        assert_eq!(code("q=7&f=auto", "image/avif", Format::Png), "w0h0q7b0-auto-avif");
    }

    #[test]
    fn auto_takes_the_best_that_is_named() {
        let chosen = |accept| accepting(accept).choose(Format::Png, true);
        let browser = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
        assert_eq!(chosen(browser), Format::Avif);
        assert_eq!(accepting(browser).choose(Format::Png, false), Format::WebP);
        assert_eq!(chosen("image/png, image/WEBP ;q=0.1"), Format::WebP);
        assert_eq!(chosen("image/avif;q=0, image/webp; q=0.0, image/jpeg"), Format::Jpeg);
        assert_eq!(accepting("image/png").choose(Format::Jpeg, true), Format::Png);
        for none in ["*/*", "image/*", "", ";;,", "text/html"] {
            assert_eq!(chosen(none), Format::Png, "{none}");
        }
    }
}
