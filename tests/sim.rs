//! Random histories of workers that crash, hang, start slowly or never, and of operators that
//! reload, ask for more, for fewer, and stop: the supervisor's promises hold in each.
//!
//! `make sim` plays many more of them; `SEED=7 STEP=1 make sim` shows one, event by event.

#[path = "../fuzz/src/invariants/supervisor.rs"]
#[allow(dead_code, reason = "the fuzz target uses the rest")]
mod supervisor;

/// Stands in for the server's module of this name, which the supervisor's source imports.
mod time {
    pub use httprs::Millis;
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn random_histories_keep_the_promises() {
    if let Some(seed) = number("SEED") {
        supervisor::histories::simulate(seed, &mut |line| {
            if number("STEP").is_some() {
                println!("{line}");
            }
        });
        return;
    }
    let histories = number("HISTORIES").unwrap_or(3_000);
    let mut events = 0_u64;
    for seed in 1..=histories {
        let played = std::panic::catch_unwind(|| {
            let mut lines = 0;
            supervisor::histories::simulate(seed, &mut |_| lines += 1);
            lines
        });
        match played {
            Ok(lines) => events += lines,
            Err(_) => panic!("SEED={seed} STEP=1 make sim shows it"),
        }
    }
    println!("{histories} histories, {events} events and actions");
}
