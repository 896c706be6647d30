//! The native runtime allocates nothing once its workspace has grown.

use lb_authoring::{broken, export::Export, network::Network, study::study_net};
use lb_policy::{
    features::{CONTEXT, FEATURES},
    model::{Workspace, compile_native},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

/// Counts the allocations of each thread.
struct Counting;

#[allow(unsafe_code)] // a global allocator cannot be had without
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn scoring_allocates_nothing_after_the_first_time() {
    let networks: [&dyn Network; 2] = [&broken::sound(), &study_net(1, 32, 24)];
    for network in networks {
        let model = Export::new("test", 1, "made up").model(network);
        let scorer = compile_native(&model).unwrap();
        let (rows, mut costs) = (vec![0.5; 32 * FEATURES], vec![0.0; 32]);
        let mut workspace = Workspace::default();
        let mut score = |d: usize| {
            let before = ALLOCATIONS.get();
            let (rows, costs) = (&rows[..d * FEATURES], &mut costs[..d]);
            scorer
                .score(rows, &[0.5; CONTEXT], costs, &mut workspace)
                .unwrap();
            ALLOCATIONS.get() - before
        };
        assert_eq!(
            score(32),
            1,
            "the workspace grows once; if not, nothing is counted here"
        );
        assert_eq!([1, 2, 8, 32].map(&mut score), [0; 4]);
    }
}
