//! Choices read from bytes. Whoever makes something by asking a tape makes it again from the same bytes, and
//! something simpler from fewer and smaller ones: at the tape's end every choice is the first.

/// A tape of choices.
pub(crate) struct Tape<'a> {
    bytes: &'a [u8],
}

impl<'a> Tape<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// True in so many of a hundred cases; never at the end of the tape.
    pub(crate) fn chance(&mut self, of_hundred: u8) -> bool {
        u32::from(255 - self.byte()) * 100 < u32::from(of_hundred) * 255
    }

    pub(crate) fn pick<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.below(among.len())]
    }

    /// Each of `among` with this chance.
    pub(crate) fn some<'t, T>(&mut self, among: &'t [T], of_hundred: u8) -> Vec<&'t T> {
        among.iter().filter(|_| self.chance(of_hundred)).collect()
    }
}
