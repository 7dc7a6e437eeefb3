//! What the people of the made-up business write with their scores.
//!
//! Every text is invented. A person's mood follows from the score and the topic from the team, so a
//! comment never contradicts either.

use crate::domain::mood::Mood;

/// A language that customers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    English,
    Spanish,
    German,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::English, Self::Spanish, Self::German];

    /// The code in a notice.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::German => "de",
        }
    }
}

/// The topic of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Any team may be meant.
    Any,
    Parcel,
    Account,
    Money,
}

/// What somebody writes.
#[derive(Clone, Copy, Debug)]
pub struct Remark {
    pub topic: Topic,
    pub text: &'static str,
}

const fn any(text: &'static str) -> Remark {
    Remark { topic: Topic::Any, text }
}

const fn parcel(text: &'static str) -> Remark {
    Remark { topic: Topic::Parcel, text }
}

const fn account(text: &'static str) -> Remark {
    Remark { topic: Topic::Account, text }
}

const fn money(text: &'static str) -> Remark {
    Remark { topic: Topic::Money, text }
}

const ENGLISH_HAPPY: [Remark; 13] = [
    any("Sorted in five minutes. I wish everything worked like this."),
    parcel(
        "The driver had left it with a neighbour. You found that out before I had finished typing 😄",
    ),
    any("Clear, friendly, and no copy and paste. Thank you!"),
    money("You noticed that my voucher had not been applied and put it right without being asked."),
    parcel("Great help with the return label. The parcel is on its way back."),
    any("Best support I have had on here in years."),
    parcel("You called the courier for me. I did not expect that."),
    account("Password reset, two-factor explained, all done before my coffee was cold."),
    any("Lovely person, quick answer 👍"),
    parcel("Honest about the delay, and the new date was kept to the day."),
    parcel("My order was split into two parcels, and I understand now why."),
    any("I thought I would have to explain it all again. You had read the whole thread."),
    money("Refund was on my card the next morning. Impressed."),
];

const ENGLISH_MIDDLING: [Remark; 5] = [
    any("Friendly, but it took three messages until the question was understood."),
    any("It works now. I still do not know what was wrong."),
    any("Good answer, long wait."),
    parcel("Half solved: the second parcel is still missing."),
    any("OK, though I would rather have been called back."),
];

const ENGLISH_UNHAPPY: [Remark; 12] = [
    any("I got the same help article three times. I had read it before I wrote."),
    any("Closed while I was still writing…"),
    parcel("The parcel is \"with the carrier\" for nine days now. That is all I am ever told."),
    parcel("Had to send the photos of the damage twice, because the first ones were lost."),
    any(
        "Nobody answered for two days, and then only to ask for my order number. It was in my first message.",
    ),
    parcel("Polite, but nothing happened. I gave up and bought it elsewhere."),
    money("Charged twice, and told that it will \"correct itself\". It has not."),
    money("The new invoice has a fee on it that nobody can explain to me."),
    money("Third time I ask for a corrected invoice. My accountant is waiting."),
    money("You took the yearly price although I had chosen monthly. Still no refund."),
    money("My card was charged after I had cancelled, and your answer was a link to the terms."),
    money(
        "Since the change of the payment page nothing adds up any more. Please look at it properly.",
    ),
];

const SPANISH_HAPPY: [Remark; 13] = [
    any("Resuelto en un momento. ¡Muchas gracias!"),
    any("Me explicaron cada paso con paciencia. Así da gusto."),
    parcel("El paquete llegó justo el día que dijeron."),
    any("Muy amables, y sin hacerme repetir nada."),
    any("Respuesta rápida y sin rodeos 👏"),
    parcel("Cambiaron la dirección cuando el pedido ya había salido. No pensé que fuera posible."),
    any("Por fin alguien que lee el mensaje entero."),
    parcel("Devolución sin complicaciones, diez de diez."),
    account("Recuperé mi cuenta en cinco minutos."),
    parcel("Me avisaron ellos del retraso antes de que yo preguntara."),
    any("Trato excelente. Se nota que les importa."),
    parcel("La talla era otra y me enviaron la correcta al día siguiente."),
    any("Todo claro desde el primer mensaje."),
];

const SPANISH_MIDDLING: [Remark; 5] = [
    any("Al final se arregló, pero tuve que escribir cuatro veces."),
    any("Buena atención, aunque un poco lenta."),
    any("Me ayudaron con una cosa, la otra sigue igual."),
    any("Correcto, sin más."),
    any("La respuesta estaba bien. La espera, no tanto."),
];

const SPANISH_UNHAPPY: [Remark; 12] = [
    parcel("Dos semanas esperando el paquete y nadie sabe dónde está."),
    any("Me contestó primero un robot y luego nadie."),
    any("Cada agente me dice una cosa distinta."),
    any("Cerraron la conversación sin responder a mi pregunta."),
    any("Pedí hablar con una persona y me mandaron un enlace."),
    parcel("El producto llegó roto y me piden fotos por tercera vez."),
    money("Me cobraron dos veces y todavía espero la devolución."),
    money("La factura trae un cargo que nadie sabe explicar."),
    money("Cancelé hace un mes y me siguen cobrando."),
    money("Desde el cambio de tarifas no entiendo ninguna factura, y la respuesta no ayudó."),
    money("Llevo tres semanas pidiendo la factura con el NIF correcto."),
    money("Dicen que el banco tiene la culpa. El banco dice que son ustedes."),
];

const GERMAN_HAPPY: [Remark; 13] = [
    any("Schnell, freundlich, fertig. Danke!"),
    any("Endlich jemand, der meine Frage wirklich gelesen hat."),
    parcel("Das Ersatzteil war am nächsten Tag da. Großartig!"),
    any("Sehr geduldig erklärt, auch beim zweiten Nachfragen."),
    parcel("Rücksendung ohne Diskussion, so soll es sein."),
    account("Konto wieder offen, und ich weiß jetzt auch, warum es gesperrt war."),
    parcel("Der Fahrer hatte falsch abgestellt, und ihr habt es in zehn Minuten herausgefunden 🙏"),
    any("Ehrliche Auskunft statt leerer Versprechen."),
    any("Nette Antwort, und verstanden habe ich sie auch."),
    any("Hat sofort geklappt, vielen Dank an das Team."),
    parcel("Die neue Lieferadresse wurde noch unterwegs geändert. Top!"),
    money("Gutschein nachträglich eingelöst, ohne Wenn und Aber."),
    any("Bester Kundendienst, den ich hier erlebt habe."),
];

const GERMAN_MIDDLING: [Remark; 5] = [
    any("Am Ende gut, aber der Weg dahin war lang."),
    any("Freundlich, nur leider erst nach zwei Tagen."),
    any("Geht wieder. Woran es lag, weiß niemand."),
    any("In Ordnung, ein Rückruf wäre mir lieber gewesen."),
    any("Die Hälfte ist gelöst, der Rest steht noch aus."),
];

const GERMAN_UNHAPPY: [Remark; 12] = [
    any("Dreimal derselbe Textbaustein. Das ist keine Hilfe."),
    parcel("Seit neun Tagen heißt es \"in Zustellung\"."),
    any("Ich musste alles noch einmal von vorn erzählen."),
    any("Mitten in meiner Antwort wurde das Gespräch geschlossen."),
    any("Erst der Bot, dann eine Warteschleife, dann nichts."),
    parcel("Die Fotos vom Schaden waren angeblich nie angekommen. Zweimal."),
    money("Doppelt abgebucht, und seit drei Wochen keine Rückzahlung."),
    money("Auf der Rechnung steht eine Gebühr, die mir keiner erklären kann."),
    money("Gekündigt, bestätigt, trotzdem weiter abgebucht."),
    money("Seit der neuen Abrechnung stimmt kein Betrag mehr. Die Antwort ging daran vorbei."),
    money("Ich brauche eine korrigierte Rechnung mit USt-IdNr. und bekomme nur Links."),
    money("Mahnung für etwas, das längst bezahlt ist. Sehr ärgerlich."),
];

/// All that people of a mood write in a language.
pub fn of(language: Language, mood: Mood) -> &'static [Remark] {
    match (language, mood) {
        (Language::English, Mood::Happy) => &ENGLISH_HAPPY,
        (Language::English, Mood::Middling) => &ENGLISH_MIDDLING,
        (Language::English, Mood::Unhappy) => &ENGLISH_UNHAPPY,
        (Language::Spanish, Mood::Happy) => &SPANISH_HAPPY,
        (Language::Spanish, Mood::Middling) => &SPANISH_MIDDLING,
        (Language::Spanish, Mood::Unhappy) => &SPANISH_UNHAPPY,
        (Language::German, Mood::Happy) => &GERMAN_HAPPY,
        (Language::German, Mood::Middling) => &GERMAN_MIDDLING,
        (Language::German, Mood::Unhappy) => &GERMAN_UNHAPPY,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_language_has_thirty_comments_and_none_of_them_twice() {
        for language in Language::ALL {
            let all =
                Mood::ALL.iter().flat_map(|mood| of(language, *mood)).map(|comment| comment.text);
            let all: Vec<&str> = all.collect();
            assert_eq!(all.len(), 30, "{language:?}");
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 30, "{language:?}");
        }
    }
}
