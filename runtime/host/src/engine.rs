//! The wasmtime engine: settings that make guests repeatable first, then those that make them fast.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails,
};

use crate::config::{HostConfig, HostError};

/// Stack of one instance, and the part of it that Wasm may use.
const STACK_BYTES: usize = 1 << 20;
const WASM_STACK_BYTES: usize = 512 << 10;
/// Components of core modules: CPython's has 14, most have 2 to 4.
const CORE_INSTANCES_PER_COMPONENT: u32 = 200;
pub(crate) const TABLES_PER_COMPONENT: u32 = 200;
pub(crate) const MEMORIES_PER_COMPONENT: u32 = 20;
/// StarlingMonkey needs 7,707.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;

/// The engine of a host.
pub(crate) fn new(config: &HostConfig) -> Result<Engine, HostError> {
    let mut engine = Config::new();
    deterministic(&mut engine);
    fast(&mut engine, config);
    engine.consume_fuel(config.fuel.is_some());
    engine.epoch_interruption(true);
    engine.max_wasm_stack(WASM_STACK_BYTES).async_stack_size(STACK_BYTES);
    // Kept with the machine code, and read when a guest traps.
    engine.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    Engine::new(&engine).map_err(|e| HostError::Engine {
        instances: config.instances,
        memory_bytes_max: config.memory_bytes_max,
        why: format!("{e:#}"),
    })
}

/// The same calls and bytes on every machine and in every replay. Winch ignores NaN canonicalization, so it is out.
fn deterministic(engine: &mut Config) {
    engine.strategy(Strategy::Cranelift).cranelift_nan_canonicalization(true);
    engine.relaxed_simd_deterministic(true).wasm_relaxed_simd(false);
    // Threads are not compiled in (wasmtime's feature `threads`).
    engine.shared_memory(false);
}

fn fast(engine: &mut Config, config: &HostConfig) {
    // The component model's own async is not used, and it makes each import 2.5 times dearer.
    engine.concurrency_support(false);
    engine.cranelift_opt_level(OptLevel::Speed).memory_init_cow(true);
    let (n, memory) = (config.instances, config.memory_bytes_max);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(n)
        .total_core_instances(n.saturating_mul(6))
        .total_memories(n.saturating_mul(2))
        .total_tables(n.saturating_mul(6))
        .total_stacks(n)
        .total_gc_heaps(n)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(memory)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(2 << 20)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    engine.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    engine.memory_reservation(memory as u64).memory_guard_size(64 << 10);
    engine.gc_heap_reservation(memory as u64).gc_heap_guard_size(64 << 10);
}
