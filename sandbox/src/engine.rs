//! The one configuration of the engine: what a module may use, and how gas is counted. Same program, same bytes, same
//! gas, on any machine; a change of any line here is a new metering.

use protocol::Metering;
use wasmtime::{Config, Engine, OptLevel, ResourceLimiter, Strategy, WasmFeatures};

/// The engine's major version: fuel costs change with it.
const ENGINE_MAJOR: u32 = 48;
/// Bytes of the program's call stack.
pub const STACK_MAX: usize = 1 << 20;
/// Elements of one table.
const TABLE_ELEMENTS_MAX: usize = 1 << 20;
/// Tables of one module.
const TABLES_MAX: usize = 16;

/// The proposals that a module may use: WebAssembly 2.0 with its 128-bit vectors, and what compilers emit beside it.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL);

/// How gas is counted here.
pub fn metering() -> Metering {
    Metering::wasmtime_fuel(ENGINE_MAJOR)
}

/// The engine: Cranelift, fuel, canonical NaNs, one thread, nothing whose result depends on the machine.
///
/// # Errors
/// If the machine cannot run it.
pub fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    config.wasm_features(FEATURES.complement(), false);
    config.consume_fuel(true);
    config.cranelift_nan_canonicalization(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config.max_wasm_stack(STACK_MAX);
    // One lot is a slice of a machine: compiling on every core would take what others have paid for.
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Refuses memory above the limit, and remembers that it did.
#[derive(Debug)]
pub struct MemoryLimit {
    max: usize,
    /// Whether memory was refused at least once.
    pub has_refused: bool,
}

impl MemoryLimit {
    /// At most `max` bytes of linear memory.
    pub fn new(max: u64) -> MemoryLimit {
        MemoryLimit { max: usize::try_from(max).unwrap_or(usize::MAX), has_refused: false }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Growth beyond the module's own maximum is the module's affair, not our limit's.
        let is_granted = desired <= self.max;
        self.has_refused |= !is_granted && maximum.is_none_or(|maximum| desired <= maximum);
        Ok(is_granted)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.has_refused = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version that receipts name is the version that is linked.
    #[test]
    fn the_metering_names_the_engine_that_is_linked() {
        let table = include_str!("../../Cargo.toml");
        assert!(table.contains(&format!("wasmtime = {{ version = \"{ENGINE_MAJOR}.")));
        assert_eq!(metering().version, ENGINE_MAJOR);
    }

    #[test]
    fn threads_and_relaxed_vectors_do_not_validate() {
        let engine = engine().unwrap();
        for (text, is_valid) in [
            ("(module (memory 1))", true),
            ("(module (func (result v128) v128.const i64x2 1 2))", true),
            ("(module (table 1 funcref) (func (result i32) (table.size 0)))", true),
            ("(module (func $f (return_call $f)))", true),
            ("(module (memory 1 1 shared))", false),
            ("(module (memory 1) (memory 1))", false),
            ("(module (memory i64 1))", false),
            (
                "(module (func (param v128 v128 v128) (result v128)
                   (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))",
                false,
            ),
        ] {
            let bytes = wat::parse_str(text).unwrap();
            assert_eq!(wasmtime::Module::validate(&engine, &bytes).is_ok(), is_valid, "{text}");
        }
    }
}
