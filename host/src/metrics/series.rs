//! Who has series of their own: not more than a monitoring system can bear.

use std::sync::Arc;

use super::{Metrics, RouteTally, TenantTally};

/// How many tenants and routes have series of their own. All others share one.
const MAX_TENANTS: usize = 1000;
const MAX_ROUTES: usize = 10_000;

/// What those who share a series are called.
pub(crate) const OTHERS: &str = "_other";

/// Gives the tenants and routes of one catalog their tallies.
pub(crate) struct Series<'a> {
    metrics: &'a Metrics,
    tenants: usize,
    routes: usize,
}

impl<'a> Series<'a> {
    pub(crate) fn new(metrics: &'a Metrics) -> Series<'a> {
        Series { metrics, tenants: 0, routes: 0 }
    }

    /// The tally of the next tenant, given the one that it had before.
    pub(crate) fn tenant(
        &mut self,
        name: &str,
        before: Option<&Arc<TenantTally>>,
    ) -> Arc<TenantTally> {
        let others = &self.metrics.other_tenants;
        if self.tenants == MAX_TENANTS || name == OTHERS {
            return Arc::clone(others);
        }
        self.tenants += 1;
        before.filter(|before| !Arc::ptr_eq(before, others)).cloned().unwrap_or_default()
    }

    /// The tally of a tenant's next route, given the one that it had before.
    pub(crate) fn route(
        &mut self,
        tenant: &Arc<TenantTally>,
        before: Option<&Arc<RouteTally>>,
    ) -> Arc<RouteTally> {
        let Metrics { other_tenants, other_routes, .. } = self.metrics;
        if self.routes == MAX_ROUTES || Arc::ptr_eq(tenant, other_tenants) {
            return Arc::clone(other_routes);
        }
        self.routes += 1;
        before.filter(|before| !Arc::ptr_eq(before, other_routes)).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_have_series_of_their_own_and_the_others_one_together() {
        let metrics = Metrics::new(None);
        let mut series = Series::new(&metrics);
        let others = &metrics.other_tenants;
        assert!(Arc::ptr_eq(&series.tenant(OTHERS, None), others));
        let tenants: Vec<_> = (0..MAX_TENANTS).map(|_| series.tenant("a", None)).collect();
        assert!(tenants.iter().all(|tenant| !Arc::ptr_eq(tenant, others)));
        assert!(Arc::ptr_eq(&series.tenant("a", None), others));
        assert!(Arc::ptr_eq(&series.route(others, None), &metrics.other_routes));
        for _ in 0..MAX_ROUTES {
            let route = series.route(&tenants[0], None);
            assert!(!Arc::ptr_eq(&route, &metrics.other_routes));
        }
        assert!(Arc::ptr_eq(&series.route(&tenants[0], None), &metrics.other_routes));
    }

    #[test]
    fn a_tally_goes_on_unless_it_was_shared() {
        let metrics = Metrics::new(None);
        let before = Series::new(&metrics).tenant("a", None);
        assert!(Arc::ptr_eq(&Series::new(&metrics).tenant("a", Some(&before)), &before));
        let others = &metrics.other_tenants;
        assert!(!Arc::ptr_eq(&Series::new(&metrics).tenant("a", Some(others)), others));
    }
}
