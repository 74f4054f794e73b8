//! pgoutput's messages (PostgreSQL, section 55.9, "Logical Replication Message Formats", protocol version 1):
//! which row of which table changed, and the text of its columns.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use crate::Error;

/// Decodes the messages of one connection. It remembers the columns of the tables that were announced.
#[derive(Default)]
pub(crate) struct Decoder {
    relations: HashMap<u32, Vec<String>>,
}

/// What a message says.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// A row changed.
    Row(RowChange<'a>),
    /// Tables were emptied.
    Truncate(Vec<u32>),
    /// Nothing that matters here.
    Other,
}

/// A changed row.
#[derive(Debug)]
pub(crate) struct RowChange<'a> {
    /// PostgreSQL's number of the table.
    pub(crate) relation: u32,
    columns: &'a [String],
    old: Option<Tuple>,
    new: Option<Tuple>,
}

/// A column's value in a tuple.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// The tuple says nothing of it: it is no column of the key, or was too large to repeat.
    Unknown,
    /// It is null.
    Null,
    /// Its text.
    Text(&'a str),
}

#[derive(Debug)]
struct Tuple {
    data: Bytes,
    cells: Vec<RawCell>,
}

#[derive(Debug)]
enum RawCell {
    Null,
    Unchanged,
    Text(Range<usize>),
}

impl RowChange<'_> {
    /// The values that the column had and has: of the old row and the new one, as far as there is one.
    pub(crate) fn values(&self, column: &str) -> [Option<Cell<'_>>; 2] {
        let at = self.columns.iter().position(|name| name == column);
        [&self.old, &self.new].map(|tuple| {
            let tuple = tuple.as_ref()?;
            Some(at.map_or(Cell::Unknown, |at| tuple.cell(at)))
        })
    }
}

impl Tuple {
    fn cell(&self, at: usize) -> Cell<'_> {
        match self.cells.get(at) {
            None | Some(RawCell::Unchanged) => Cell::Unknown,
            Some(RawCell::Null) => Cell::Null,
            Some(RawCell::Text(range)) => {
                let text = self.data.get(range.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok());
                text.map_or(Cell::Unknown, Cell::Text)
            }
        }
    }
}

impl Decoder {
    /// Reads one message.
    pub(crate) fn decode(&mut self, data: &Bytes) -> Result<Message<'_>, Error> {
        let mut input = Input { data, at: 0 };
        Ok(match input.byte()? {
            b'R' => {
                self.relation(&mut input)?;
                Message::Other
            }
            b'I' => {
                let relation = input.u32()?;
                input.byte()?;
                let new = input.tuple()?;
                Message::Row(self.row(relation, None, Some(new)))
            }
            b'U' => {
                let relation = input.u32()?;
                let mut old = None;
                if input.byte()? != b'N' {
                    old = Some(input.tuple()?);
                    input.byte()?;
                }
                let new = input.tuple()?;
                Message::Row(self.row(relation, old, Some(new)))
            }
            b'D' => {
                let relation = input.u32()?;
                input.byte()?;
                let old = input.tuple()?;
                Message::Row(self.row(relation, Some(old), None))
            }
            b'T' => {
                let count = input.u32()?;
                input.byte()?;
                Message::Truncate((0..count).map(|_| input.u32()).collect::<Result<_, _>>()?)
            }
            _ => Message::Other,
        })
    }

    fn row(&self, relation: u32, old: Option<Tuple>, new: Option<Tuple>) -> RowChange<'_> {
        let columns = self.relations.get(&relation).map_or(&[][..], Vec::as_slice);
        RowChange { relation, columns, old, new }
    }

    fn relation(&mut self, input: &mut Input<'_>) -> Result<(), Error> {
        let relation = input.u32()?;
        input.text()?;
        input.text()?;
        input.byte()?;
        let count = input.u16()?;
        let mut columns = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            input.byte()?;
            columns.push(input.text()?);
            input.u32()?;
            input.u32()?;
        }
        self.relations.insert(relation, columns);
        Ok(())
    }
}

struct Input<'a> {
    data: &'a Bytes,
    at: usize,
}

impl Input<'_> {
    fn take(&mut self, length: usize) -> Result<Range<usize>, Error> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.data.len());
        let end = end.ok_or(Error::Decode("a message ends too early"))?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let range = self.take(N)?;
        let bytes = self.data.get(range).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or(Error::Decode("a message ends too early"))
    }

    fn byte(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    fn text(&mut self) -> Result<String, Error> {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == 0).ok_or(Error::Decode("a name has no end"))?;
        let range = self.take(length)?;
        self.take(1)?;
        let bytes = self.data.get(range).unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn tuple(&mut self) -> Result<Tuple, Error> {
        let count = self.u16()?;
        let mut cells = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            cells.push(match self.byte()? {
                b'n' => RawCell::Null,
                b'u' => RawCell::Unchanged,
                b't' => {
                    let length =
                        usize::try_from(self.u32()?).map_err(|_| Error::Decode("a value is too long"))?;
                    RawCell::Text(self.take(length)?)
                }
                _ => return Err(Error::Decode("a value is of an unknown kind")),
            });
        }
        Ok(Tuple { data: self.data.clone(), cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation() -> Bytes {
        let mut data = vec![b'R'];
        data.extend(7_u32.to_be_bytes());
        data.extend(b"public\0messages\0d");
        data.extend(2_u16.to_be_bytes());
        for name in ["id", "chat_id"] {
            data.push(1);
            data.extend(name.bytes());
            data.push(0);
            data.extend(20_u32.to_be_bytes());
            data.extend(u32::MAX.to_be_bytes());
        }
        data.into()
    }

    fn text(value: &str) -> Vec<u8> {
        let mut cell = vec![b't'];
        cell.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        cell.extend(value.bytes());
        cell
    }

    fn tuple(cells: &[Vec<u8>]) -> Vec<u8> {
        let mut data = u16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
        data.extend(cells.concat());
        data
    }

    #[test]
    fn an_update_shows_old_and_new() {
        let mut decoder = Decoder::default();
        decoder.decode(&relation()).unwrap();
        let mut data = vec![b'U'];
        data.extend(7_u32.to_be_bytes());
        data.push(b'K');
        data.extend(tuple(&[vec![b'n'], text("5")]));
        data.push(b'N');
        data.extend(tuple(&[vec![b'u'], text("6")]));
        let data = data.into();
        let Message::Row(row) = decoder.decode(&data).unwrap() else { panic!() };
        assert_eq!(row.relation, 7);
        assert_eq!(row.values("chat_id"), [Some(Cell::Text("5")), Some(Cell::Text("6"))]);
        assert_eq!(row.values("id"), [Some(Cell::Null), Some(Cell::Unknown)]);
        assert_eq!(row.values("nothing"), [Some(Cell::Unknown), Some(Cell::Unknown)]);
    }

    #[test]
    fn a_cut_message_is_an_error_and_no_panic() {
        let mut data = vec![b'I'];
        data.extend(7_u32.to_be_bytes());
        data.push(b'N');
        data.extend(tuple(&[text("5"), text("a longer text")]));
        for length in 0..data.len() {
            let mut decoder = Decoder::default();
            assert!(decoder.decode(&Bytes::copy_from_slice(&data[..length])).is_err(), "{length}");
        }
    }
}
