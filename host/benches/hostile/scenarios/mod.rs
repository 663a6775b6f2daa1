//! What is done to the server. To add a scenario: a function, and a line here.

mod slow;
mod instances;
mod readers;
mod stopped;
mod vanished;
mod flood;
mod descriptors;
mod overload;
mod resets;
mod connections;
mod handlers;
mod neighbours;
mod answers;
mod bombs;
mod kills;
mod lifting;
mod flips;

use anyhow::Result;

use crate::report::Report;
use crate::stage::Stage;

pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn(&Stage) -> Result<Report>,
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "idle", about: "10 000 clients that send nothing", run: slow::idle },
    Scenario {
        name: "dribble",
        about: "10 000 clients that send a byte of their head every second",
        run: slow::heads,
    },
    Scenario {
        name: "bodies",
        about: "10 000 clients that send a byte of their body every second",
        run: slow::bodies,
    },
    Scenario {
        name: "instances",
        about: "64 requests that sleep in their handlers",
        run: instances::run,
    },
    Scenario {
        name: "readers",
        about: "1000 clients that ask for 10 MiB and read nothing",
        run: readers::run,
    },
    Scenario {
        name: "stopped",
        about: "512 clients that are stopped in the middle of what they do",
        run: stopped::run,
    },
    Scenario {
        name: "vanished",
        about: "1250 clients that no packet reaches any more",
        run: vanished::run,
    },
    Scenario {
        name: "flood",
        about: "50 000 clients in 10 s that send nothing, where 1000 may be",
        run: flood::run,
    },
    Scenario {
        name: "descriptors",
        about: "200 clients that stay, where there are 64 descriptors",
        run: descriptors::run,
    },
    Scenario {
        name: "overload",
        about: "10 times as many requests as can be handled",
        run: overload::run,
    },
    Scenario {
        name: "resets",
        about: "10 000 clients that reset, half-close or vanish at any moment",
        run: resets::run,
    },
    Scenario {
        name: "connections",
        about: "1 to 4096 persistent connections, all of them busy",
        run: connections::run,
    },
    Scenario {
        name: "handlers",
        about: "1 to 1000 different handlers, asked in turn",
        run: handlers::run,
    },
    Scenario {
        name: "neighbours",
        about: "20 tenants beside one that takes all it can get",
        run: neighbours::run,
    },
    Scenario {
        name: "bombs",
        about: "new handlers that would take a compiler very long",
        run: bombs::run,
    },
    Scenario {
        name: "kills",
        about: "10 000 handlers that do not end by themselves",
        run: kills::run,
    },
    Scenario { name: "lifting", about: "answers that would grow in the host", run: lifting::run },
    Scenario {
        name: "flips",
        about: "100 000 components with bytes that are not theirs",
        run: flips::run,
    },
    Scenario { name: "answers", about: "10 000 000 answers of any bytes", run: answers::run },
];
