//! Which part of a picture becomes how large. Pure numbers.

use super::{PictureError, Size};

/// The longest side that can be asked for, in pixels.
pub(super) const MAX_SIDE: u32 = 8192;

/// The most pixels that are made.
const MAX_MADE_PIXELS: u64 = 25_000_000;

/// A part of a picture, and the size that it gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    /// What is cut off on the left, and on the right too, in pixels of the source.
    pub(super) left: f64,
    /// What is cut off at the top, and at the bottom too.
    pub(super) top: f64,
    /// The size of what is made.
    pub(super) size: Size,
}

impl Plan {
    /// A picture of `source` as the wishes say: one side keeps the ratio, both cut to the centre, none changes
    /// nothing. It may grow.
    pub(super) fn wished(
        source: Size,
        width: Option<u32>,
        height: Option<u32>,
    ) -> Result<Self, PictureError> {
        let size = match (width, height) {
            (None, None) => source,
            (Some(width), None) => Size { width, height: scaled(source.height, width, source.width) },
            (None, Some(height)) => Size { width: scaled(source.width, height, source.height), height },
            (Some(width), Some(height)) => Size { width, height },
        };
        let is_made = size.width <= MAX_SIDE && size.height <= MAX_SIDE && size.pixels() <= MAX_MADE_PIXELS;
        // The source's own size is refused as well: it is encoded anew, and that costs by the pixel.
        if !is_made {
            return Err(PictureError::TooLarge);
        }
        let both = width.is_some() && height.is_some();
        let (left, top) = if both { margins(source, size) } else { (0.0, 0.0) };
        Ok(Self { left, top, size })
    }

    /// A picture of `source` whose longer side is `longest` at most. It never grows.
    pub(super) fn within(source: Size, longest: u32) -> Self {
        let longer = source.width.max(source.height);
        let size = if longer <= longest {
            source
        } else {
            Size {
                width: scaled(source.width, longest, longer),
                height: scaled(source.height, longest, longer),
            }
        };
        Self { left: 0.0, top: 0.0, size }
    }

    /// The same for a source that lies on its side.
    pub(super) fn turned(self) -> Self {
        Self { left: self.top, top: self.left, size: self.size.turned() }
    }
}

/// `side * to / from`, rounded, and 1 at least.
fn scaled(side: u32, to: u32, from: u32) -> u32 {
    let (side, to, from) = (u64::from(side), u64::from(to), u64::from(from.max(1)));
    u32::try_from((side * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
}

/// What has to be cut on each side of `source` for it to have the ratio of `size`.
fn margins(source: Size, size: Size) -> (f64, f64) {
    let (width, height) = (f64::from(source.width), f64::from(source.height));
    let ratio = f64::from(size.width) / f64::from(size.height);
    if width > height * ratio {
        ((width - height * ratio) / 2.0, 0.0)
    } else {
        (0.0, (height - width / ratio) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    fn made(width: Option<u32>, height: Option<u32>) -> Plan {
        Plan::wished(size(400, 300), width, height).unwrap()
    }

    #[test]
    fn one_side_keeps_the_ratio_and_both_cut_to_the_centre() {
        assert_eq!(made(None, None), Plan { left: 0.0, top: 0.0, size: size(400, 300) });
        assert_eq!(made(Some(200), None).size, size(200, 150));
        assert_eq!(made(None, Some(600)).size, size(800, 600));
        assert_eq!(made(Some(100), Some(100)), Plan { left: 50.0, top: 0.0, size: size(100, 100) });
        assert_eq!(made(Some(400), Some(100)), Plan { left: 0.0, top: 100.0, size: size(400, 100) });
    }

    #[test]
    fn what_is_made_has_a_bound() {
        let wished = |source, width, height| Plan::wished(source, width, height).map(|plan| plan.size);
        assert_eq!(wished(size(8192, 1), Some(8192), None), Ok(size(8192, 1)));
        assert_eq!(wished(size(10, 100), Some(820), None), Err(PictureError::TooLarge));
        assert_eq!(wished(size(10, 10), Some(8192), Some(8192)), Err(PictureError::TooLarge));
        assert_eq!(wished(size(7000, 7000), None, None), Err(PictureError::TooLarge));
        assert_eq!(wished(size(7000, 7000), Some(70), None), Ok(size(70, 70)));
        assert_eq!(wished(size(50_000, 1), None, Some(1)), Err(PictureError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_size_is_empty_and_no_cut_takes_all(
            (width, height) in (1..20_000_u32, 1..20_000_u32),
            wished in (proptest::option::of(1..=MAX_SIDE), proptest::option::of(1..=MAX_SIDE)),
        ) {
            let source = size(width, height);
            if let Ok(plan) = Plan::wished(source, wished.0, wished.1) {
                prop_assert!(plan.size.width > 0 && plan.size.height > 0);
                prop_assert!(plan.left * 2.0 < f64::from(width) && plan.top * 2.0 < f64::from(height));
                prop_assert!(plan.left >= 0.0 && plan.top >= 0.0);
            }
            let small = Plan::within(source, 320).size;
            prop_assert!((1..=320).contains(&small.width) && (1..=320).contains(&small.height));
            prop_assert!(small.width <= width && small.height <= height);
        }
    }
}
