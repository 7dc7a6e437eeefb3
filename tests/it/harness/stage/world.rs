//! What a test sees of the simulated X and does to it.

use surveyd::sandbox::record::{DeliveredPrompt, RefusedCall};
use surveyd::sandbox::{ApiCall, FaultOrder, InjectedFault, Person, World};

use super::Stage;

impl Stage {
    /// Looks into X, or changes it.
    pub fn x<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.sandbox.world().lock().unwrap())
    }

    pub fn tell(&self, person: u64, is: Person) {
        self.x(|world| world.tell(person, is));
    }

    pub fn fault(&self, call: ApiCall, times: u32, fault: InjectedFault) {
        self.x(|world| world.fault(call, times, fault));
    }

    pub fn fault_of(&self, account: u64, call: ApiCall, times: u32, fault: InjectedFault) {
        self.x(|world| world.order(FaultOrder { call, user_id: Some(account), times, fault }));
    }

    /// All prompts that reached somebody.
    pub fn prompts(&self) -> Vec<DeliveredPrompt> {
        self.x(|world| world.prompts().to_vec())
    }

    /// How often somebody was prompted.
    pub fn prompted(&self, person: u64) -> usize {
        self.x(|world| world.prompts_to(person).count())
    }

    pub fn calls(&self, call: ApiCall) -> u64 {
        self.x(|world| world.calls(call))
    }

    pub(super) fn calls_in_all(&self) -> u64 {
        self.x(|world| world.record().calls().values().sum())
    }

    /// The calls that X refused by its rules.
    pub fn refused(&self) -> Vec<RefusedCall> {
        self.x(|world| world.refused().cloned().collect())
    }

    /// The one who was prompted last answers by hand.
    pub fn answer(&self, person: u64, score: Option<u8>, text: Option<&str>) {
        let now = self.sandbox.now();
        self.x(|world| {
            let id = world.prompts_to(person).last().expect("is prompted").feedback_id;
            world.answer(id, score, text, now).unwrap();
        });
    }
}
