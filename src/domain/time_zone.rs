//! The names that Rails gives to time zones, such as "Berlin" or "Eastern Time (US & Canada)".
//! Zendesk and other help desks use them too.
//!
//! Their meanings are those of Rails' published list (`ActiveSupport::TimeZone::MAPPING`).

/// Places that IANA lists by an equal name below their continent.
const SAME: [(&str, &[&str]); 8] = [
    ("Africa", &["Cairo", "Casablanca", "Harare", "Monrovia", "Nairobi"]),
    (
        "America",
        &[
            "Bogota",
            "Caracas",
            "Chihuahua",
            "La Paz",
            "Lima",
            "Mazatlan",
            "Mexico City",
            "Monterrey",
            "Montevideo",
            "Puerto Rico",
            "Santiago",
            "Tijuana",
        ],
    ),
    (
        "Asia",
        &[
            "Almaty",
            "Baghdad",
            "Baku",
            "Bangkok",
            "Chongqing",
            "Dhaka",
            "Hong Kong",
            "Irkutsk",
            "Jakarta",
            "Jerusalem",
            "Kabul",
            "Kamchatka",
            "Karachi",
            "Kathmandu",
            "Kolkata",
            "Krasnoyarsk",
            "Kuala Lumpur",
            "Kuwait",
            "Magadan",
            "Muscat",
            "Novosibirsk",
            "Rangoon",
            "Riyadh",
            "Seoul",
            "Singapore",
            "Srednekolymsk",
            "Taipei",
            "Tashkent",
            "Tbilisi",
            "Tehran",
            "Tokyo",
            "Ulaanbaatar",
            "Urumqi",
            "Vladivostok",
            "Yakutsk",
            "Yerevan",
        ],
    ),
    ("Atlantic", &["Azores"]),
    ("Australia", &["Adelaide", "Brisbane", "Darwin", "Hobart", "Melbourne", "Perth", "Sydney"]),
    (
        "Europe",
        &[
            "Amsterdam",
            "Athens",
            "Belgrade",
            "Berlin",
            "Bratislava",
            "Brussels",
            "Bucharest",
            "Budapest",
            "Copenhagen",
            "Dublin",
            "Helsinki",
            "Istanbul",
            "Kaliningrad",
            "Lisbon",
            "Ljubljana",
            "London",
            "Madrid",
            "Minsk",
            "Moscow",
            "Paris",
            "Prague",
            "Riga",
            "Rome",
            "Samara",
            "Sarajevo",
            "Skopje",
            "Sofia",
            "Stockholm",
            "Tallinn",
            "Vienna",
            "Vilnius",
            "Volgograd",
            "Warsaw",
            "Zagreb",
            "Zurich",
        ],
    ),
    ("Pacific", &["Auckland", "Fiji", "Guam", "Port Moresby"]),
    ("Etc", &["UTC"]),
];

/// All other names.
const OTHER: [(&str, &str); 50] = [
    ("Abu Dhabi", "Asia/Muscat"),
    ("Alaska", "America/Juneau"),
    ("American Samoa", "Pacific/Pago_Pago"),
    ("Arizona", "America/Phoenix"),
    ("Astana", "Asia/Almaty"),
    ("Atlantic Time (Canada)", "America/Halifax"),
    ("Beijing", "Asia/Shanghai"),
    ("Bern", "Europe/Zurich"),
    ("Brasilia", "America/Sao_Paulo"),
    ("Buenos Aires", "America/Argentina/Buenos_Aires"),
    ("Canberra", "Australia/Melbourne"),
    ("Cape Verde Is.", "Atlantic/Cape_Verde"),
    ("Central America", "America/Guatemala"),
    ("Central Time (US & Canada)", "America/Chicago"),
    ("Chatham Is.", "Pacific/Chatham"),
    ("Chennai", "Asia/Kolkata"),
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Edinburgh", "Europe/London"),
    ("Ekaterinburg", "Asia/Yekaterinburg"),
    ("Georgetown", "America/Guyana"),
    ("Greenland", "America/Nuuk"),
    ("Guadalajara", "America/Mexico_City"),
    ("Hanoi", "Asia/Bangkok"),
    ("Hawaii", "Pacific/Honolulu"),
    ("Indiana (East)", "America/Indiana/Indianapolis"),
    ("International Date Line West", "Pacific/Midway"),
    ("Islamabad", "Asia/Karachi"),
    ("Kyiv", "Europe/Kiev"),
    ("Marshall Is.", "Pacific/Majuro"),
    ("Mid-Atlantic", "Atlantic/South_Georgia"),
    ("Midway Island", "Pacific/Midway"),
    ("Mountain Time (US & Canada)", "America/Denver"),
    ("Mumbai", "Asia/Kolkata"),
    ("New Caledonia", "Pacific/Noumea"),
    ("New Delhi", "Asia/Kolkata"),
    ("Newfoundland", "America/St_Johns"),
    ("Nuku'alofa", "Pacific/Tongatapu"),
    ("Osaka", "Asia/Tokyo"),
    ("Pacific Time (US & Canada)", "America/Los_Angeles"),
    ("Pretoria", "Africa/Johannesburg"),
    ("Quito", "America/Lima"),
    ("Samoa", "Pacific/Apia"),
    ("Sapporo", "Asia/Tokyo"),
    ("Saskatchewan", "America/Regina"),
    ("Solomon Is.", "Pacific/Guadalcanal"),
    ("Sri Jayawardenepura", "Asia/Colombo"),
    ("St. Petersburg", "Europe/Moscow"),
    ("Tokelau Is.", "Pacific/Fakaofo"),
    ("Wellington", "Pacific/Auckland"),
    ("West Central Africa", "Africa/Algiers"),
];

/// The IANA name of the zone to which Rails gives this name.
pub fn of_rails(name: &str) -> Option<String> {
    let is_it = |known: &&str| known.eq_ignore_ascii_case(name);
    let other = OTHER.iter().find(|(known, _)| is_it(known));
    other.map(|(_, zone)| (*zone).to_owned()).or_else(|| {
        SAME.iter().find_map(|(continent, places)| {
            let place = places.iter().find(|place| is_it(place))?;
            Some(format!("{continent}/{}", place.replace(' ', "_")))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::quiet_hours::zone;

    #[test]
    fn every_name_of_rails_is_one_zone_that_is_known() {
        let same = SAME.iter().flat_map(|(_, places)| places.iter().copied());
        let mut names: Vec<&str> = same.chain(OTHER.iter().map(|(name, _)| *name)).collect();
        for name in &names {
            let iana = of_rails(name).unwrap();
            assert!(zone(&iana).is_some(), "{name}: {iana}");
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_name_of_rails_means_its_place() {
        for (name, iana) in [
            ("Eastern Time (US & Canada)", "America/New_York"),
            ("eastern time (us & canada)", "America/New_York"),
            ("Berlin", "Europe/Berlin"),
            ("Mexico City", "America/Mexico_City"),
            ("UTC", "Etc/UTC"),
        ] {
            assert_eq!(of_rails(name).as_deref(), Some(iana));
        }
        for none in ["", "Europe/Berlin", "Springfield", "GMT+5"] {
            assert_eq!(of_rails(none), None);
        }
    }
}
