//! Holds the comments that people write with their score.
//!
//! Some are short and some long. Some have accents, emoji, line breaks or characters that a
//! careless export would mishandle.

use super::chance::Chance;

/// A person's temper after the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    Content,
    SoSo,
    Cross,
}

const CONTENT: [&str; 12] = [
    "Sorted in two minutes, thank you!",
    "Dana was lovely. She even followed up the next morning 🙌",
    "Quick, clear and kind.",
    "Honestly better than calling. Keep doing this.",
    "+1 for not making me repeat my order number",
    "Zoë at your café desk found my parcel before I did 😂",
    "Great service 💙💙💙",
    "My refund was there the same day. Très bien!",
    "Fixed my login, and explained why it broke.\nThat second part is what I liked.",
    "10/10, would lose my password again",
    "She said \"leave it with me\", and then really did it.",
    "👍🏽",
];

const SO_SO: [&str; 9] = [
    "It works now, but I had to ask three times.",
    "Friendly, though a bit slow.",
    "ok",
    "The answer was right; getting it took all afternoon.",
    "Agent fine, app not so much 🤷",
    "Half of it is solved. The naïve workaround will do for now.",
    "- helpful person\n- confusing forms",
    "I'd rather have one person from start to end.",
    "Decent. Señor Pérez deserves a better tool, I think.",
];

const CROSS: [&str; 9] = [
    "Still no refund. I was told five days, it has been nine.",
    "Three agents, three different answers 😡",
    "You closed the chat while I was typing!",
    "=DISAPPOINTED",
    "Nobody read what I wrote. Copy, paste, goodbye.",
    "The link you sent me leads nowhere…",
    "Rude. And wrong, too.",
    "I am moving to another provider, sorry.",
    "Waited 40 minutes; was then asked to \"try again later\", twice, by a bot, in a language I don't speak.",
];

/// Draws a comment in that temper.
pub fn comment(temper: Temper, chance: &mut Chance) -> &'static str {
    let words: &[&str] = match temper {
        Temper::Content => &CONTENT,
        Temper::SoSo => &SO_SO,
        Temper::Cross => &CROSS,
    };
    let index = usize::try_from(chance.below(words.len() as u64)).expect("an index below 12 fits");
    words[index]
}
