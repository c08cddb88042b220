//! Randomness that follows from the gid, apart from what `reprise:workflow/random` gives.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use reprise_engine::{Gid, Scope, seed_of};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::state::State;

/// Keeps WASI's numbers apart from those of the workflow interface.
const WASI: u64 = 0x7761_7369_2d72_6e64;
const BYTES_MAX: u64 = 16 << 20;

/// The generator of an instance, and its hash seed.
pub(super) fn generator(gid: &Gid, scope: Scope) -> (Xoshiro256PlusPlus, (u64, u64)) {
    // A handler on an instance of its own must not draw the numbers that `run` drew.
    let scope = scope.map_or(0, |index| (u64::from(index) + 1) << 32);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed_of(gid) ^ WASI ^ scope);
    let insecure_seed = (random.next_u64(), random.next_u64());
    (random, insecure_seed)
}

impl State {
    fn random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let length = usize::try_from(length.min(BYTES_MAX + 1))?;
        if length as u64 > BYTES_MAX {
            return Err(wasmtime::format_err!("more than {BYTES_MAX} random bytes in one call"));
        }
        let mut bytes = vec![0; length];
        self.wasi.random.fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi.random.next_u64())
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi.random.next_u64())
    }
}

impl insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok(self.wasi.insecure_seed)
    }
}
