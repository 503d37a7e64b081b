//! A plugin that serves on, with no more than its registration gives by now.

use std::sync::Arc;

use crate::package::grants::Grants;
use crate::plugin::Plugin;

impl Plugin {
    /// Returns the same plugin with only those of its grants that are also among these. `None` if it
    /// has no others. Its limits stay: with those under which the next one fails, it would as well.
    pub fn narrowed(&self, given: &Grants) -> Option<Self> {
        let declared = &self.pre.identity.declared;
        let given = self.pre.identity.given.intersect(given);
        let grants = declared.intersect(&given);
        if grants == self.grants {
            return None;
        }
        let pre = self.pre.narrowed(given.clone(), grants.clone());
        Some(Self {
            registration: self.registration.clone(),
            description: self.description.clone(),
            digest: self.digest,
            world: self.world.clone(),
            chart: self.chart.clone(),
            chart_digest: self.chart_digest,
            images: self.images.clone(),
            settings: self.settings.clone(),
            not_given: declared.without(&grants),
            not_declared: given.without(&grants),
            build: Self::build_of(&self.digest, &self.chart_digest, &self.images, &self.settings, &grants),
            grants,
            limits: self.limits,
            pre: Arc::new(pre),
        })
    }
}
