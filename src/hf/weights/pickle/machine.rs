//! The pickle machine: Python's protocols 2 to 5 (the comments of CPython's pickletools), as far as dictionaries of
//! tensors go.
//!
//! Each instruction takes at least a byte and pushes at most one value, so stack, memo and tables are bounded by the
//! pickle's length, which is bounded itself.

use std::collections::HashMap;

use super::super::super::error::quoted;
use super::super::MAX_TENSORS;
use super::tensor::{Storage, Tensor};
use super::value::{Name, Value};

/// A machine at work on one pickle. Problems are sentences that go on after "its pickle".
pub(super) struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value<'a>>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    tuples: Vec<Vec<Value<'a>>>,
    dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    storages: Vec<Storage<'a>>,
    tensors: Vec<Tensor<'a>>,
}

type Step<T = ()> = Result<T, String>;

impl<'a> Machine<'a> {
    pub(super) fn new(pickle: &'a [u8]) -> Self {
        Self {
            rest: pickle,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            tuples: Vec::new(),
            dicts: Vec::new(),
            storages: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// Runs to the end and gives the value that is left.
    pub(super) fn run(&mut self) -> Step<Value<'a>> {
        loop {
            match self.byte()? {
                b'.' => return self.pop(),
                code => self.instruction(code)?,
            }
        }
    }

    /// Keys and values of a dictionary, in the order in which they were set.
    pub(super) fn pairs(&self, dict: usize) -> &[(Value<'a>, Value<'a>)] {
        &self.dicts[dict]
    }

    pub(super) fn tensor(&self, tensor: usize) -> &Tensor<'a> {
        &self.tensors[tensor]
    }

    fn instruction(&mut self, code: u8) -> Step {
        match code {
            // The protocol's version, and the length of a frame, which only helps to read ahead.
            0x80 => self.take(1).map(|_| ()),
            0x95 => self.take(8).map(|_| ()),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            b'1' => self.pop_to_mark().map(|_| ()),
            b'q' | b'r' | 0x94 => self.remember(code),
            b'h' | b'j' => self.recall(code),
            b'c' | 0x93 => self.name(code),
            b'Q' => self.persistent(),
            b'R' => self.call(),
            b'b' => self.set_state(),
            b'}' | b'd' | b's' | b'u' => self.dict(code),
            b')' | b't' | 0x85..=0x87 => self.tuple(code),
            b']' | b'l' | b'a' | b'e' => self.list(code),
            _ => {
                let value = self.literal(code)?;
                self.stack.push(value);
                Ok(())
            }
        }
    }

    /// Values that stand in the pickle themselves.
    fn literal(&mut self, code: u8) -> Step<Value<'a>> {
        Ok(match code {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8a => Value::Int(self.long()?),
            b'G' => {
                self.take(8)?;
                Value::Float
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)?
            }
            0x8c => {
                let length = self.byte()?;
                self.text(usize::from(length))?
            }
            _ => return Err(format!("has the instruction {code:#04x}, which no dictionary of tensors needs")),
        })
    }

    /// A whole number of up to eight bytes; longer ones no tensor has.
    fn long(&mut self) -> Step<i64> {
        let length = usize::from(self.byte()?);
        let bytes = self.take(length)?;
        if length > 8 {
            return Err("has a number of more than 64 bits".into());
        }
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 8];
        wide[..length].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide))
    }

    fn text(&mut self, length: usize) -> Step<Value<'a>> {
        std::str::from_utf8(self.take(length)?).map(Value::Text).map_err(|_| "has a text that is not UTF-8".into())
    }

    fn remember(&mut self, code: u8) -> Step {
        let place = match code {
            b'q' => u32::from(self.byte()?),
            b'r' => u32::from_le_bytes(self.array()?),
            _ => self.memo.len() as u32,
        };
        let value = *self.stack.last().ok_or_else(empty)?;
        self.memo.insert(place, value);
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Step {
        let place = if code == b'h' { u32::from(self.byte()?) } else { u32::from_le_bytes(self.array()?) };
        let value = *self.memo.get(&place).ok_or("asks for something that it never made")?;
        self.stack.push(value);
        Ok(())
    }

    /// A name of a module; the few that are known push what they stand for.
    fn name(&mut self, code: u8) -> Step {
        let (module, name) = if code == b'c' {
            (self.line()?, self.line()?)
        } else {
            match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => (module, name),
                _ => return Err("names something without a name".into()),
            }
        };
        let known = Name::find(module, name).ok_or_else(|| {
            let full = format!("{module}.{name}");
            format!("asks to run or build {}; only tensors are built and nothing is run", quoted(&full))
        })?;
        self.stack.push(Value::Name(known));
        Ok(())
    }

    /// `('storage', type, key, location, numbers)`: where torch keeps numbers outside of the pickle.
    fn persistent(&mut self) -> Step {
        let storage = match self.pop()? {
            Value::Tuple(tuple) => match self.tuples[tuple][..] {
                [
                    Value::Text("storage"),
                    Value::Name(Name::StorageOf(dtype)),
                    Value::Text(key),
                    Value::Text(_),
                    Value::Int(numbers),
                ] => u64::try_from(numbers).ok().map(|numbers| Storage { dtype, key, numbers }),
                _ => None,
            },
            _ => None,
        };
        self.stack.push(Value::Storage(self.storages.len()));
        self.storages.push(storage.ok_or("refers to numbers in a way that torch does not")?);
        Ok(())
    }

    /// Calls one of the few names that are known.
    fn call(&mut self) -> Step {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let Value::Tuple(arguments) = arguments else {
            return Err("calls something with no arguments".into());
        };
        let made = match (callee, &self.tuples[arguments][..]) {
            (Value::Name(Name::OrderedDict), []) => {
                self.dicts.push(Vec::new());
                Value::Dict(self.dicts.len() - 1)
            }
            (Value::Name(Name::RebuildParameter), [tensor @ Value::Tensor(_), ..]) => *tensor,
            (
                Value::Name(Name::RebuildTensor),
                [Value::Storage(storage), Value::Int(offset), Value::Tuple(shape), Value::Tuple(strides), ..],
            ) => {
                let (shape, strides) = (self.whole_numbers(*shape)?, self.whole_numbers(*strides)?);
                let tensor = Tensor::new(self.storages[*storage], *offset, &shape, &strides)?;
                self.keep(tensor)?;
                Value::Tensor(self.tensors.len() - 1)
            }
            _ => return Err(format!("calls {} in a way that torch does not", callee.kind())),
        };
        self.stack.push(made);
        Ok(())
    }

    /// A call costs few bytes of the pickle and makes far more, so these are counted.
    fn keep(&mut self, tensor: Tensor<'a>) -> Step {
        if self.tensors.len() == MAX_TENSORS {
            return Err("makes more tensors than any model has".into());
        }
        self.tensors.push(tensor);
        Ok(())
    }

    fn whole_numbers(&self, tuple: usize) -> Step<Vec<i64>> {
        let number = |value: &Value<'_>| match value {
            Value::Int(number) => Some(*number),
            _ => None,
        };
        let numbers: Option<Vec<i64>> = self.tuples[tuple].iter().map(number).collect();
        numbers.ok_or_else(|| "has a tensor whose sizes are no whole numbers".into())
    }

    /// A state is set on dictionaries alone, where it is a note on versions; it is passed over.
    fn set_state(&mut self) -> Step {
        let state = self.pop()?;
        match (self.stack.last(), state) {
            (Some(Value::Dict(_)), Value::Dict(_)) => Ok(()),
            _ => Err("sets the inner state of something else than a dictionary".into()),
        }
    }

    fn dict(&mut self, code: u8) -> Step {
        let pairs = match code {
            b'}' => Vec::new(),
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![(key, value)]
            }
            _ => match self.pop_to_mark()?.as_chunks::<2>() {
                (pairs, []) => pairs.iter().map(|[key, value]| (*key, *value)).collect(),
                _ => return Err("has a key without a value".into()),
            },
        };
        if matches!(code, b'}' | b'd') {
            self.stack.push(Value::Dict(self.dicts.len()));
            self.dicts.push(pairs);
            return Ok(());
        }
        match self.stack.last() {
            Some(Value::Dict(dict)) => self.dicts[*dict].extend(pairs),
            _ => return Err("adds a pair to something else than a dictionary".into()),
        }
        Ok(())
    }

    fn tuple(&mut self, code: u8) -> Step {
        let items = match code {
            b')' => Vec::new(),
            b't' => self.pop_to_mark()?,
            _ => {
                let start = self.floor_above(usize::from(code - 0x84))?;
                self.stack.split_off(start)
            }
        };
        self.stack.push(Value::Tuple(self.tuples.len()));
        self.tuples.push(items);
        Ok(())
    }

    fn list(&mut self, code: u8) -> Step {
        match code {
            b']' => {}
            b'a' => {
                self.pop()?;
            }
            _ => {
                self.pop_to_mark()?;
            }
        }
        if matches!(code, b']' | b'l') {
            self.stack.push(Value::List);
            return Ok(());
        }
        match self.stack.last() {
            Some(Value::List) => Ok(()),
            _ => Err("adds an item to something else than a list".into()),
        }
    }

    /// Everything above the last mark, which goes too.
    fn pop_to_mark(&mut self) -> Step<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or_else(empty)?;
        Ok(self.stack.split_off(mark))
    }

    fn pop(&mut self) -> Step<Value<'a>> {
        self.floor_above(1)?;
        self.stack.pop().ok_or_else(empty)
    }

    /// The height `count` values below the stack's top, which no instruction may take from under a mark.
    fn floor_above(&self, count: usize) -> Step<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.len().checked_sub(count).filter(|start| *start >= floor).ok_or_else(empty)
    }

    fn byte(&mut self) -> Step<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The text up to the end of the line.
    fn line(&mut self) -> Step<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "has a name that is not UTF-8".into())
    }
}

fn cut() -> String {
    "ends too early".into()
}

fn empty() -> String {
    "takes more values than it made".into()
}
