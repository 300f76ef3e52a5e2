//! The kinds of trap, with numbers that stay. Knows the engine's traps only to translate them.

use wasmtime::Trap;

/// Why a program trapped. The numbers are part of receipts and never change; the engine's own do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum TrapKind {
    /// `unreachable` was executed: how most languages abort.
    Unreachable = 1,
    /// A memory access out of bounds.
    MemoryBounds = 2,
    /// A table access out of bounds.
    TableBounds = 3,
    /// An indirect call of an empty table element, or of a null reference.
    NullCall = 4,
    /// An indirect call with the wrong signature.
    Signature = 5,
    /// An integer overflow, as in the division of the smallest integer by minus one.
    IntegerOverflow = 6,
    /// An integer division by zero.
    DivisionByZero = 7,
    /// A float that is no integer converted to one.
    Conversion = 8,
    /// A call of the host that cannot be answered: a pointer outside the memory, no memory exported.
    HostCall = 9,
    /// Anything else.
    Other = 255,
}

impl TrapKind {
    /// The kind of an engine's trap; `None` for those that are outcomes of their own: gas and stack.
    pub(crate) fn of(trap: Trap) -> Option<TrapKind> {
        match trap {
            Trap::OutOfFuel | Trap::StackOverflow => None,
            Trap::UnreachableCodeReached => Some(TrapKind::Unreachable),
            Trap::MemoryOutOfBounds | Trap::HeapMisaligned => Some(TrapKind::MemoryBounds),
            Trap::TableOutOfBounds => Some(TrapKind::TableBounds),
            Trap::IndirectCallToNull | Trap::NullReference => Some(TrapKind::NullCall),
            Trap::BadSignature => Some(TrapKind::Signature),
            Trap::IntegerOverflow => Some(TrapKind::IntegerOverflow),
            Trap::IntegerDivisionByZero => Some(TrapKind::DivisionByZero),
            Trap::BadConversionToInteger => Some(TrapKind::Conversion),
            _ => Some(TrapKind::Other),
        }
    }

    /// The number in a receipt.
    pub fn code(self) -> u32 {
        self as u32
    }
}
