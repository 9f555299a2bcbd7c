//! Histories, and what is done about them.

use super::Action::*;
use super::Event as E;
use super::*;

const POLICY: Policy = Policy {
    workers: 2,
    least_workers: 1,
    most_workers: 4,
    drain_delay_ms: 0,
    drain_timeout_ms: 8_000,
    restarts: 3,
    restarts_within_ms: 60_000,
};

/// Plays events at their times and compares what is done about each.
#[track_caller]
fn plays(name: &str, history: &[(u64, Event, &[Action])]) -> Supervisor {
    plays_by(POLICY, name, history)
}

#[track_caller]
fn plays_by(policy: Policy, name: &str, history: &[(u64, Event, &[Action])]) -> Supervisor {
    let mut supervisor = Supervisor::new(policy);
    for (row, (at, event, want)) in history.iter().enumerate() {
        let mut actions = Vec::new();
        supervisor.on(*event, Millis::new(*at), &mut actions);
        assert_eq!(&actions, want, "{name}, row {row}: {event:?} at {at} ms");
    }
    supervisor
}

#[test]
fn histories() {
    const STARTED: (u64, Event, &[Action]) = (0, E::Start, &[Fork(0), Fork(2)]);
    const READY: [(u64, Event, &[Action]); 2] = [(5, E::Ready(0), &[]), (5, E::Ready(2), &[])];
    let after_start =
        |rows: &[(u64, Event, &'static [Action])]| [&[STARTED], &READY[..], rows].concat();
    plays(
        "a worker that lived is replaced at once",
        &after_start(&[
            (5_000, E::Died(2), &[Fork(2)]),
            (5_010, E::Ready(2), &[]),
            (9_000, E::Died(2), &[Fork(2)]),
        ]),
    );
    plays(
        "deaths that follow each other get a growing pause",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (110, E::Ready(0), &[]),
            (120, E::Died(0), &[]),
            (129, E::Tick, &[]),
            (130, E::Tick, &[Fork(0)]),
            (135, E::Ready(0), &[]),
            (140, E::Died(0), &[]),
            (159, E::Tick, &[]),
            (160, E::Tick, &[Fork(0)]),
        ]),
    );
    plays(
        "a worker that lived for a second ends the row, and a shorter life does not",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (110, E::Ready(0), &[]),
            (120, E::Died(0), &[]),
            (130, E::Tick, &[Fork(0)]),
            (135, E::Ready(0), &[]),
            (1_130, E::Died(0), &[Fork(0)]),
            (1_135, E::Ready(0), &[]),
            (2_129, E::Died(0), &[]),
            (2_138, E::Tick, &[]),
            (2_139, E::Tick, &[Fork(0)]),
        ]),
    );
    plays(
        "a worker that leaves because it was told to ends the row",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (110, E::Ready(0), &[]),
            (120, E::Died(0), &[]),
            (130, E::Tick, &[Fork(0)]),
            (131, E::Ready(0), &[]),
            (132, E::Retire(2), &[Fork(3)]),
            (133, E::Ready(3), &[Drain(2)]),
            (134, E::Died(2), &[]),
            (140, E::Died(0), &[Fork(0)]),
        ]),
    );
    plays(
        "a worker that was told to leave and has to be cut off ends it as well",
        &after_start(&[
            (100, E::Retire(2), &[Fork(3)]),
            (110, E::Ready(3), &[Drain(2)]),
            (8_000, E::Died(0), &[Fork(0)]),
            (8_010, E::Ready(0), &[]),
            (8_020, E::Died(0), &[]),
            (8_030, E::Tick, &[Fork(0)]),
            (8_040, E::Ready(0), &[]),
            (8_110, E::Tick, &[Cut(2)]),
            (8_120, E::Died(2), &[]),
            (8_130, E::Died(0), &[Fork(0)]),
        ]),
    );
    plays(
        "a worker that dies while it is replaced is one more in the row",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (110, E::Ready(0), &[]),
            (111, E::Retire(2), &[Fork(3)]),
            (112, E::Died(2), &[]),
            (113, E::Died(0), &[]),
            (132, E::Tick, &[]),
            (133, E::Tick, &[Fork(0)]),
        ]),
    );
    plays(
        "a death in a slot that waits to be filled changes nothing",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (120, E::Died(0), &[]),
            (125, E::Died(0), &[]),
            (129, E::Tick, &[]),
            (130, E::Tick, &[Fork(0)]),
        ]),
    );
    plays(
        "no worker is forked twice for one death",
        &after_start(&[
            (2_000, E::Died(0), &[Fork(0)]),
            (2_000, E::Tick, &[]),
            (2_001, E::Start, &[]),
        ]),
    );
    plays(
        "a death in an empty slot changes nothing",
        &[
            (0, E::Tick, &[]),
            (0, E::Died(0), &[]),
            (0, E::Died(7), &[]),
            (0, E::Ready(7), &[]),
            (0, E::Retire(7), &[]),
        ],
    );
    plays(
        "a graceful stop drains, then finishes once",
        &after_start(&[
            (1_000, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (1_001, E::Stop, &[]),
            (1_010, E::Died(2), &[]),
            (1_020, E::Died(0), &[Finish(Verdict::Stopped { killed: 0 })]),
            (1_030, E::Tick, &[]),
            (1_040, E::Stop, &[]),
        ]),
    );
    plays(
        "a drain ends by its deadline: what is unfinished is cut off",
        &after_start(&[
            (1_000, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (1_010, E::Died(2), &[]),
            (8_999, E::Tick, &[]),
            (9_000, E::Tick, &[Cut(0)]),
            (9_001, E::Tick, &[]),
            (9_002, E::Died(0), &[Finish(Verdict::Stopped { killed: 0 })]),
        ]),
    );
    plays(
        "a worker that cannot be cut off is killed",
        &after_start(&[
            (1_000, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (9_000, E::Tick, &[Cut(0), Cut(2)]),
            (9_001, E::Died(2), &[]),
            (9_002, E::Stop, &[]),
            (9_199, E::Tick, &[]),
            (9_200, E::Tick, &[Kill(0)]),
            (9_201, E::Tick, &[]),
            (9_202, E::Died(0), &[Finish(Verdict::Stopped { killed: 1 })]),
        ]),
    );
    plays(
        "a second wish cuts all off at once, but not the echo of the first",
        &after_start(&[
            (1_000, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (1_019, E::Stop, &[]),
            (1_020, E::Stop, &[Cut(0), Cut(2)]),
            (1_100, E::Stop, &[]),
            (1_110, E::Died(0), &[]),
            (1_220, E::Tick, &[Kill(2)]),
            (1_501, E::Stop, &[]),
            (1_510, E::Died(2), &[Finish(Verdict::Stopped { killed: 1 })]),
        ]),
    );
    plays(
        "a second stop does not wait for a worker that hangs, or is not ready",
        &after_start(&[
            (900, E::Hung(0), &[Abort(0), Fork(1)]),
            (1_000, E::Stop, &[Announce, Drain(1), Drain(2)]),
            (1_100, E::Stop, &[Cut(1), Cut(2)]),
            (1_110, E::Died(2), &[]),
            (1_299, E::Tick, &[]),
            (1_300, E::Tick, &[Kill(0), Kill(1)]),
            (1_301, E::Died(0), &[]),
            (1_301, E::Died(1), &[Finish(Verdict::Stopped { killed: 2 })]),
        ]),
    );
    plays(
        "a second stop waits for a worker that hangs no longer than was decided before",
        &after_start(&[
            (700, E::Hung(0), &[Abort(0), Fork(1)]),
            (1_000, E::Stop, &[Announce, Drain(1), Drain(2)]),
            (1_100, E::Stop, &[Cut(1), Cut(2)]),
            (1_199, E::Tick, &[]),
            (1_200, E::Tick, &[Kill(0)]),
            (1_300, E::Tick, &[Kill(1), Kill(2)]),
        ]),
    );
    plays(
        "a second stop is not told to a worker that was killed",
        &[
            STARTED,
            (1, E::Ready(0), &[]),
            (30_000, E::Tick, &[Kill(2), Fork(3)]),
            (30_010, E::Stop, &[Announce, Drain(0), Drain(3)]),
            (30_100, E::Stop, &[Cut(0), Cut(3)]),
        ],
    );
    plays(
        "a second wish cuts all off, however late it comes",
        &after_start(&[
            (1_000, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (5_000, E::Stop, &[Cut(0), Cut(2)]),
        ]),
    );
    plays(
        "a worker that is not ready yet is drained too",
        &[
            STARTED,
            (1, E::Ready(0), &[]),
            (2, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (3, E::Ready(2), &[]),
            (9, E::Died(0), &[]),
            (9, E::Died(2), &[Finish(Verdict::Stopped { killed: 0 })]),
        ],
    );
    plays(
        "a stop while a slot waits to be filled fills it no more",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (101, E::Died(0), &[]),
            (102, E::Stop, &[Announce, Drain(2)]),
            (500, E::Tick, &[]),
            (501, E::Died(2), &[Finish(Verdict::Stopped { killed: 0 })]),
        ]),
    );
    plays(
        "a stop before the start",
        &[
            (
                0,
                E::Stop,
                &[Announce, Finish(Verdict::Stopped { killed: 0 })],
            ),
            (1, E::Start, &[]),
        ],
    );
    plays(
        "a fork that fails is tried again, later and later, and is no early death",
        &[
            STARTED,
            (0, E::ForkFailed(2), &[]),
            (9, E::Tick, &[]),
            (10, E::Tick, &[Fork(2)]),
            (10, E::ForkFailed(2), &[]),
            (29, E::Tick, &[]),
            (30, E::Tick, &[Fork(2)]),
            (30, E::ForkFailed(2), &[]),
            (70, E::Tick, &[Fork(2)]),
            (71, E::Died(2), &[]),
            (151, E::Tick, &[Fork(2)]),
            (152, E::Died(2), &[]),
            (312, E::Tick, &[Fork(2)]),
            (313, E::Died(2), &[Announce, Kill(0)]),
        ],
    );
    plays(
        "a worker that asks serves until its successor does",
        &after_start(&[
            (100, E::Retire(0), &[Fork(1)]),
            (101, E::Retire(0), &[]),
            (110, E::Ready(1), &[Drain(0)]),
            (200, E::Died(0), &[]),
            (300, E::Retire(1), &[Fork(0)]),
            (310, E::Ready(0), &[Drain(1)]),
            (320, E::Died(1), &[]),
        ]),
    );
    plays(
        "a worker that dies before its successor is ready was replaced already",
        &after_start(&[
            (5_100, E::Retire(0), &[Fork(1)]),
            (5_101, E::Died(0), &[]),
            (5_110, E::Ready(1), &[]),
            (9_000, E::Died(1), &[Fork(1)]),
        ]),
    );
    plays(
        "a worker that dies in a row and was replaced already has no backoff for the next successor",
        &after_start(&[
            (100, E::Died(0), &[Fork(0)]),
            (110, E::Ready(0), &[]),
            (111, E::Retire(0), &[Fork(1)]),
            (112, E::Died(0), &[]),
            (113, E::Ready(1), &[]),
            (114, E::Retire(1), &[Fork(0)]),
        ]),
    );
    plays(
        "a successor that dies is tried again, and meanwhile the old one serves",
        &after_start(&[
            (100, E::Retire(0), &[Fork(1)]),
            (101, E::Died(1), &[Fork(1)]),
            (110, E::Ready(1), &[Drain(0)]),
        ]),
    );
    plays(
        "a worker that asks before its predecessor has left waits until it has, and serves",
        &after_start(&[
            (100, E::Retire(0), &[Fork(1)]),
            (110, E::Ready(1), &[Drain(0)]),
            (120, E::Retire(1), &[]),
            (140, E::Died(0), &[Fork(0)]),
            (150, E::Ready(0), &[Drain(1)]),
            (160, E::Died(1), &[]),
        ]),
    );
    plays(
        "a worker that asks before it is ready is replaced when it is",
        &[
            STARTED,
            (1, E::Retire(0), &[]),
            (2, E::Ready(0), &[Fork(1)]),
            (3, E::Ready(1), &[Drain(0)]),
            (4, E::Died(0), &[]),
        ],
    );
    plays(
        "a reload replaces one after the other, each when its successor serves",
        &after_start(&[
            (5_000, E::Reload, &[Fork(1)]),
            (5_001, E::Tick, &[]),
            (5_010, E::Ready(1), &[Drain(0), Fork(3)]),
            (5_020, E::Ready(3), &[Drain(2)]),
            (5_030, E::Died(0), &[]),
            (5_040, E::Died(2), &[]),
            (6_000, E::Reload, &[Fork(0)]),
        ]),
    );
    plays(
        "a reload in the middle of a reload replaces the new ones too",
        &after_start(&[
            (5_000, E::Reload, &[Fork(1)]),
            (5_001, E::Reload, &[]),
            (5_010, E::Ready(1), &[Drain(0), Fork(3)]),
            (5_020, E::Ready(3), &[Drain(2)]),
            (5_030, E::Died(0), &[Fork(0)]),
            (5_040, E::Ready(0), &[Drain(1)]),
        ]),
    );
    plays(
        "a reload with successors that die goes on with the old ones",
        &after_start(&[
            (5_000, E::Reload, &[Fork(1)]),
            (5_010, E::Died(1), &[Fork(1)]),
            (5_020, E::Died(1), &[]),
            (5_030, E::Tick, &[Fork(1)]),
            (5_040, E::Ready(1), &[Drain(0), Fork(3)]),
        ]),
    );
    plays(
        "one worker more, up to a bound",
        &after_start(&[
            (10, E::More, &[Fork(4)]),
            (11, E::Ready(4), &[]),
            (12, E::More, &[Fork(6)]),
            (13, E::More, &[]),
            (14, E::Reload, &[Fork(1)]),
        ]),
    );
    plays(
        "one worker less, down to one, and one more again while it still leaves",
        &after_start(&[
            (10, E::Fewer, &[Drain(2)]),
            (11, E::Fewer, &[]),
            (12, E::More, &[Fork(3)]),
            (13, E::Fewer, &[Drain(3)]),
            (14, E::More, &[]),
            (15, E::Died(2), &[Fork(2)]),
            (16, E::Died(3), &[]),
            (17, E::Fewer, &[Drain(2)]),
            (18, E::Died(2), &[]),
            (8_100, E::Tick, &[]),
        ]),
    );
    plays(
        "one worker less in the middle of its replacement",
        &after_start(&[
            (10, E::Retire(2), &[Fork(3)]),
            (11, E::Fewer, &[Drain(2), Drain(3)]),
            (12, E::Died(3), &[]),
            (13, E::Died(2), &[]),
        ]),
    );
    plays(
        "one worker less that was dead anyway",
        &after_start(&[
            (10, E::Died(2), &[Fork(2)]),
            (11, E::Died(2), &[]),
            (12, E::Fewer, &[]),
            (500, E::Tick, &[]),
        ]),
    );
    plays(
        "a worker that hangs is aborted, then killed, and replaced meanwhile",
        &after_start(&[
            (5_000, E::Hung(0), &[Abort(0), Fork(1)]),
            (5_001, E::Hung(0), &[]),
            (5_499, E::Tick, &[]),
            (5_500, E::Tick, &[Kill(0)]),
            (5_501, E::Died(0), &[]),
            (5_502, E::Ready(1), &[]),
            (5_503, E::Hung(7), &[]),
        ]),
    );
    plays(
        "a worker that hangs while it is replaced has its successor already",
        &after_start(&[
            (5_000, E::Retire(0), &[Fork(1)]),
            (5_001, E::Hung(0), &[Abort(0)]),
            (5_002, E::Died(0), &[]),
            (5_003, E::Ready(1), &[]),
        ]),
    );
    plays(
        "nothing but leaving is done when it stops",
        &after_start(&[
            (10, E::Stop, &[Announce, Drain(0), Drain(2)]),
            (40, E::Reload, &[]),
            (40, E::More, &[]),
            (40, E::Fewer, &[]),
            (40, E::Hung(0), &[]),
            (40, E::Retire(0), &[]),
            (50, E::Died(0), &[]),
            (51, E::Died(2), &[Finish(Verdict::Stopped { killed: 0 })]),
        ]),
    );
    plays(
        "a stop in the middle of a replacement drains both",
        &after_start(&[
            (100, E::Retire(0), &[Fork(1)]),
            (101, E::Stop, &[Announce, Drain(0), Drain(1), Drain(2)]),
            (102, E::Died(2), &[]),
            (102, E::Died(1), &[]),
            (103, E::Died(0), &[Finish(Verdict::Stopped { killed: 0 })]),
        ]),
    );
    plays(
        "a worker that is never ready is killed, and that counts as an early death",
        &[
            STARTED,
            (1, E::Ready(0), &[]),
            (29_999, E::Tick, &[]),
            (30_000, E::Tick, &[Kill(2), Fork(3)]),
            (30_001, E::Tick, &[]),
            (30_002, E::Died(2), &[]),
            (30_003, E::Died(3), &[Fork(3)]),
            (30_004, E::Died(3), &[Announce, Kill(0)]),
            (30_005, E::Died(0), &[Finish(Verdict::GaveUp)]),
        ],
    );
    plays(
        "a worker that is replaced and does not leave is cut off, then killed",
        &after_start(&[
            (100, E::Retire(0), &[Fork(1)]),
            (110, E::Ready(1), &[Drain(0)]),
            (8_110, E::Tick, &[Cut(0)]),
            (8_309, E::Tick, &[]),
            (8_310, E::Tick, &[Kill(0)]),
            (8_311, E::Died(0), &[]),
            // A worker that was killed before is not reported at the end.
            (9_000, E::Stop, &[Announce, Drain(1), Drain(2)]),
            (9_001, E::Died(1), &[]),
            (17_000, E::Tick, &[Cut(2)]),
            (17_200, E::Tick, &[Kill(2)]),
            (
                17_201,
                E::Died(2),
                &[Finish(Verdict::Stopped { killed: 1 })],
            ),
        ]),
    );
    plays(
        "a worker that is never ready is killed, however late that is noticed",
        &[
            STARTED,
            (1, E::Ready(0), &[]),
            (90_000, E::Tick, &[Kill(2), Fork(3)]),
        ],
    );
    plays(
        "workers that are never ready end the server",
        &[
            STARTED,
            (1, E::Ready(0), &[]),
            (10, E::Died(2), &[Fork(2)]),
            (20, E::Died(2), &[]),
            (30, E::Tick, &[Fork(2)]),
            (40, E::Died(2), &[Announce, Kill(0)]),
            (80, E::Died(0), &[Finish(Verdict::GaveUp)]),
        ],
    );
    plays(
        "a worker that was killed before is not killed again when the server gives up",
        &[
            STARTED,
            (1, E::Ready(0), &[]),
            (30_000, E::Tick, &[Kill(2), Fork(3)]),
            (30_001, E::Died(3), &[Fork(3)]),
            (30_002, E::Died(3), &[]),
            (30_012, E::Tick, &[Fork(3)]),
            (30_013, E::Died(3), &[Announce, Kill(0)]),
            (30_014, E::Died(2), &[]),
            (30_015, E::Died(0), &[Finish(Verdict::GaveUp)]),
        ],
    );
    let deaths_at = |third: u64, want: &'static [Action]| {
        plays(
            "early deaths count for so long and no longer",
            &[
                STARTED,
                (1, E::Ready(0), &[]),
                (1_000, E::Died(2), &[Fork(2)]),
                (25_000, E::Died(2), &[Fork(2)]),
                (25_001, E::Ready(2), &[]),
                (50_000, E::More, &[Fork(4)]),
                (third, E::Died(4), want),
            ],
        )
    };
    deaths_at(61_000, &[Announce, Kill(0), Kill(2)]);
    let mut supervisor = deaths_at(61_001, &[Fork(4)]);
    let mut actions = Vec::new();
    supervisor.on(E::Died(4), Millis::new(61_010), &mut actions);
    assert_eq!(actions, [Announce, Kill(0), Kill(2)], "the third in time");
}

#[test]
fn workers_that_were_ready_are_replaced_for_ever_and_the_pause_has_an_end() {
    let mut supervisor = Supervisor::new(POLICY);
    let (mut actions, mut now, mut forks) = (Vec::new(), Millis::new(0), 0);
    let mut pauses = Vec::new();
    supervisor.on(Event::Start, now, &mut actions);
    for _ in 0..100 {
        forks += actions
            .drain(..)
            .filter(|action| matches!(action, Fork(0)))
            .count();
        supervisor.on(Event::Ready(0), now, &mut actions);
        supervisor.on(Event::Died(0), now, &mut actions);
        pauses.push(supervisor.backoff_ms());
        now = now.after(supervisor.backoff_ms());
        supervisor.on(Event::Tick, now, &mut actions);
    }
    assert_eq!(forks, 100);
    assert_eq!(pauses[..9], [0, 10, 20, 40, 80, 160, 320, 640, 1_000]);
    assert!(pauses[9..].iter().all(|pause| *pause == 1_000));
}

#[test]
fn early_deaths_long_ago_are_forgotten() {
    let mut supervisor = Supervisor::new(POLICY);
    let mut actions = Vec::new();
    supervisor.on(Event::Start, Millis::new(0), &mut actions);
    for death in 1..20 {
        let now = Millis::new(death * 31_000);
        supervisor.on(Event::Died(0), now, &mut actions);
        supervisor.on(Event::Tick, now.after(1_000), &mut actions);
    }
    assert!(
        !actions
            .iter()
            .any(|action| matches!(action, Finish(_) | Announce))
    );
}

#[test]
fn it_wakes_for_what_is_due() {
    let supervisor = plays(
        "idle",
        &[
            (0, E::Start, &[Fork(0), Fork(2)]),
            (1, E::Ready(0), &[]),
            (1, E::Ready(2), &[]),
        ],
    );
    assert_eq!(supervisor.wake_at(), Millis::NEVER);
    assert!(supervisor.is_complete());
    let supervisor = plays(
        "draining",
        &[
            (0, E::Start, &[Fork(0), Fork(2)]),
            (7, E::Stop, &[Announce, Drain(0), Drain(2)]),
        ],
    );
    assert_eq!(supervisor.wake_at(), Millis::new(8_007));
    let supervisor = plays(
        "waiting for a worker to be ready",
        &[(5, E::Start, &[Fork(0), Fork(2)]), (6, E::Ready(0), &[])],
    );
    assert_eq!(supervisor.wake_at(), Millis::new(30_005));
    let supervisor = plays(
        "waiting to fork",
        &[
            (0, E::Start, &[Fork(0), Fork(2)]),
            (0, E::ForkFailed(2), &[]),
        ],
    );
    assert_eq!(supervisor.wake_at(), Millis::new(10));
}

/// The end is announced, all goes on for two seconds, and eight seconds after the first wish all of
/// it is over.
#[test]
fn histories_with_a_delay() {
    const POLICY: Policy = Policy {
        drain_delay_ms: 2_000,
        ..super::tests::POLICY
    };
    const BEGUN: [(u64, Event, &[Action]); 3] = [
        (0, E::Start, &[Fork(0), Fork(2)]),
        (5, E::Ready(0), &[]),
        (5, E::Ready(2), &[]),
    ];
    let over = |killed| Finish(Verdict::Stopped { killed });
    for (name, rows) in [
        (
            "workers are told when it is over, and its time counts",
            &[
                (1_000, E::Stop, &[Announce][..]),
                (2_999, E::Tick, &[]),
                (3_000, E::Tick, &[Drain(0), Drain(2)]),
                (3_010, E::Died(0), &[]),
                (8_999, E::Tick, &[]),
                (9_000, E::Tick, &[Cut(2)]),
                (9_001, E::Died(2), &[over(0)]),
            ][..],
        ),
        (
            "a worker that dies meanwhile is replaced, and its successor is told",
            &[
                (1_000, E::Stop, &[Announce]),
                (1_500, E::Died(0), &[Fork(0)]),
                (1_510, E::Ready(0), &[]),
                (1_520, E::Died(0), &[]),
                (1_530, E::Tick, &[Fork(0)]),
                (3_000, E::Tick, &[Drain(0), Drain(2)]),
                (3_010, E::Died(0), &[]),
                (3_010, E::Died(2), &[over(0)]),
            ],
        ),
        (
            "a worker that is to be replaced when the delay ends is not",
            &[
                (1_000, E::Stop, &[Announce]),
                (2_995, E::Died(0), &[Fork(0)]),
                (2_996, E::Died(0), &[]),
                (3_000, E::Tick, &[Drain(2)]),
                (3_500, E::Tick, &[]),
                (3_510, E::Died(2), &[over(0)]),
            ],
        ),
        (
            "a second wish ends it and everything, but not the echo of the first",
            &[
                (1_000, E::Stop, &[Announce]),
                (1_019, E::Stop, &[]),
                (1_020, E::Stop, &[Cut(0), Cut(2)]),
                (1_030, E::Died(0), &[]),
                (1_030, E::Died(2), &[over(0)]),
                (3_000, E::Tick, &[]),
            ],
        ),
        (
            "so does a second wish after it",
            &[
                (1_000, E::Stop, &[Announce]),
                (3_000, E::Tick, &[Drain(0), Drain(2)]),
                (3_001, E::Stop, &[Cut(0), Cut(2)]),
                (3_010, E::Died(0), &[]),
                (3_010, E::Died(2), &[over(0)]),
            ],
        ),
        (
            "nothing new is begun for those that leave anyway",
            &[
                (1_000, E::Stop, &[Announce]),
                (1_001, E::Retire(0), &[]),
                (1_002, E::Reload, &[]),
                (1_003, E::More, &[]),
                (1_004, E::Fewer, &[]),
                (3_000, E::Tick, &[Drain(0), Drain(2)]),
                (3_010, E::Died(0), &[]),
                (3_010, E::Died(2), &[over(0)]),
            ],
        ),
        (
            "what was begun goes on, and ends with everything",
            &[
                (900, E::Retire(0), &[Fork(1)]),
                (1_000, E::Stop, &[Announce]),
                (1_010, E::Ready(1), &[Drain(0)]),
                (3_000, E::Tick, &[Drain(1), Drain(2)]),
                (3_010, E::Died(1), &[]),
                (3_010, E::Died(2), &[]),
                (8_999, E::Tick, &[]),
                (9_000, E::Tick, &[Cut(0)]),
                (9_200, E::Tick, &[Kill(0)]),
                (9_201, E::Died(0), &[over(1)]),
            ],
        ),
        (
            "a worker that hangs meanwhile is replaced",
            &[
                (1_000, E::Stop, &[Announce]),
                (1_100, E::Hung(0), &[Abort(0), Fork(1)]),
                (1_101, E::Died(0), &[]),
                (1_102, E::Ready(1), &[]),
                (3_000, E::Tick, &[Drain(1), Drain(2)]),
                (3_010, E::Died(1), &[]),
                (3_010, E::Died(2), &[over(0)]),
            ],
        ),
        (
            "a crash loop in it is no reason to give up",
            &[
                (1_000, E::Stop, &[Announce]),
                (2_000, E::Died(2), &[Fork(2)]),
                (2_001, E::Died(2), &[]),
                (2_011, E::Tick, &[Fork(2)]),
                (2_012, E::Died(2), &[]),
                (2_032, E::Tick, &[Fork(2)]),
                (2_033, E::Died(2), &[]),
                (3_000, E::Tick, &[Drain(0)]),
                (3_010, E::Died(0), &[over(0)]),
            ],
        ),
        (
            "a machine that slept through it",
            &[
                (1_000, E::Stop, &[Announce]),
                (90_000, E::Tick, &[Drain(0), Drain(2), Cut(0), Cut(2)]),
                (90_010, E::Died(0), &[]),
                (90_200, E::Tick, &[Kill(2)]),
                (90_210, E::Died(2), &[over(1)]),
            ],
        ),
    ] {
        plays_by(POLICY, name, &[&BEGUN, rows].concat());
    }
    let begun = &[&BEGUN[..], &[(1_000, E::Stop, &[Announce])]].concat();
    let supervisor = plays_by(POLICY, "it wakes when it is over", begun);
    assert_eq!(supervisor.wake_at(), Millis::new(3_000));
    assert_eq!(supervisor.delay_ms(), 2_000);
    assert!(supervisor.is_complete() && !supervisor.is_closing());
    plays_by(
        POLICY,
        "there is nothing to go on with",
        &[(0, E::Stop, &[Announce, over(0)]), (1, E::Start, &[])],
    );
}
