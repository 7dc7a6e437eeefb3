//! The teams of the made-up business: who they are, how busy, and how well they do.

use super::comments::Topic;

/// The team that got worse.
pub const WORSE: &str = "Billing";

/// A team, and what it is like on a week of seven days.
pub struct Team {
    pub name: &'static str,
    pub agents: &'static [&'static str],
    pub tags: &'static [&'static str],
    pub topic: Topic,
    /// Closes in four weeks.
    pub closes: u32,
    /// How many of 25 people give each score of CSAT, from 1 on.
    pub csat: [u8; 5],
}

pub const TEAMS: [Team; 8] = [
    Team {
        name: "Delivery",
        agents: &["omar", "zoe", "priya", "mateo", "hannah"],
        tags: &["late", "damaged", "address"],
        topic: Topic::Parcel,
        closes: 330,
        csat: [1, 1, 3, 7, 13],
    },
    Team {
        name: WORSE,
        agents: &["ines", "li", "tom", "amara", "jonas"],
        tags: &["invoice", "refund", "charge"],
        topic: Topic::Money,
        closes: 330,
        csat: [1, 1, 2, 8, 13],
    },
    Team {
        name: "Returns",
        agents: &["dana", "sofia", "kofi", "greta"],
        tags: &["refund", "damaged", "size"],
        topic: Topic::Parcel,
        closes: 230,
        csat: [1, 1, 2, 7, 14],
    },
    Team {
        name: "Account access",
        agents: &["ravi", "elena", "ben"],
        tags: &["password", "two-factor"],
        topic: Topic::Account,
        closes: 170,
        csat: [1, 0, 2, 6, 16],
    },
    Team {
        name: "Orders",
        agents: &["mia", "pablo", "yusuf"],
        tags: &["voucher", "change", "address"],
        topic: Topic::Parcel,
        closes: 150,
        csat: [1, 1, 2, 8, 13],
    },
    Team {
        name: "Technical",
        agents: &["nora", "felix", "aiko"],
        tags: &["app", "device"],
        topic: Topic::Any,
        closes: 120,
        csat: [1, 2, 3, 8, 11],
    },
    Team {
        name: "Wholesale",
        agents: &["victor"],
        tags: &["invoice"],
        topic: Topic::Money,
        closes: 8,
        csat: [0, 0, 3, 11, 11],
    },
    Team {
        name: "Legal",
        agents: &["ruth"],
        tags: &["privacy"],
        topic: Topic::Any,
        closes: 8,
        csat: [2, 3, 5, 8, 7],
    },
];

/// What [`WORSE`] gets of 25 people since it does badly.
pub const WORSE_CSAT: [u8; 5] = [6, 3, 3, 6, 7];
/// How many of 20 people give each score of NPS, from 0 on.
pub const NPS: [u8; 11] = [1, 0, 0, 0, 0, 1, 1, 2, 3, 4, 8];
pub const WORSE_NPS: [u8; 11] = [2, 1, 1, 1, 0, 2, 2, 3, 3, 2, 3];

/// How busy the days are, from Monday on. Together they are a week.
pub const WEEKDAYS: [f64; 7] = [1.25, 1.15, 1.1, 1.1, 1.05, 0.75, 0.6];

/// A team with fewer closes has no losses, and its answers keep a strict rhythm. So it is always
/// below the floor under which nothing is shown.
pub const TINY: u32 = 20;
