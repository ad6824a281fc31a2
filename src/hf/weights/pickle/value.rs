//! What lies on the stack of the pickle machine. Values are small and copied: tuples, dictionaries and tensors lie in
//! tables of the machine, so no depth of nesting can exhaust a stack, and memory stays in proportion to the pickle.

use super::super::super::error::quoted;
use super::super::entry::DataType;

/// A value; texts are parts of the pickle itself, numbers in brackets are places in the machine's tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Text(&'a str),
    Tuple(usize),
    /// Lists are only passed over, so their items are not kept.
    List,
    Dict(usize),
    Name(Name),
    Storage(usize),
    Tensor(usize),
}

/// The names that a pickle may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// A type of storage, which tells the type of its numbers.
    StorageOf(DataType),
}

impl Name {
    /// The meaning of `module.name`; none for any other name than a dictionary of tensors needs.
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch", storage) => Some(Self::StorageOf(match storage {
                "FloatStorage" => DataType::F32,
                "HalfStorage" => DataType::F16,
                "BFloat16Storage" => DataType::Bf16,
                "DoubleStorage" => DataType::F64,
                "BoolStorage" => DataType::Other("BOOL", 1),
                "ByteStorage" => DataType::Other("U8", 1),
                "CharStorage" => DataType::Other("I8", 1),
                "ShortStorage" => DataType::Other("I16", 2),
                "IntStorage" => DataType::Other("I32", 4),
                "LongStorage" => DataType::Other("I64", 8),
                _ => return None,
            })),
            _ => None,
        }
    }
}

impl Value<'_> {
    /// What it is, in a word for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float => "a number",
            Self::Text(_) => "a text",
            Self::Tuple(_) => "a tuple",
            Self::List => "a list",
            Self::Dict(_) => "a dictionary",
            Self::Name(_) => "a name",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }

    /// Itself if it is a text, else its kind.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            other => other.kind().to_owned(),
        }
    }
}
