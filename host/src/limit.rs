//! The limits that can leave no room for a request, or end its handler: by the names that
//! operators set them by.

use std::fmt;

/// A limit that a request met. Its [`Display`](fmt::Display) is one stable word, the same in
/// every log line and metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// How often requests may come for the route.
    RouteRate,
    /// How often they may come for its tenant.
    TenantRate,
    /// How many requests for the route may wait.
    RouteQueue,
    /// How many may wait for its tenant.
    TenantQueue,
    /// How many may wait for the server.
    ServerQueue,
    /// How long a request may wait ([`Timeouts::queue`](crate::Timeouts::queue)).
    QueueTimeout,
    /// How many bytes all requests and answers may hold, or one tenant's of what others leave.
    Buffered,
    /// How much memory all instances of the tenant may have.
    TotalMemory,
    /// How many instances the engine has room for
    /// ([`EngineOptions::instances`](crate::EngineOptions::instances)).
    Instances,
    /// How many descriptors the process may have, or may have for guests.
    OpenFiles,
    /// How much memory the system has.
    SystemMemory,
    /// How long a server that stops serves those who are here.
    ShutdownTimeout,
    /// How long a handler may take.
    Timeout,
    /// How long it may keep a processor busy.
    CpuTime,
}

impl Limit {
    /// Every limit, each at the place of its number.
    pub(crate) const ALL: [Limit; 14] = [
        Limit::RouteRate,
        Limit::TenantRate,
        Limit::RouteQueue,
        Limit::TenantQueue,
        Limit::ServerQueue,
        Limit::QueueTimeout,
        Limit::Buffered,
        Limit::TotalMemory,
        Limit::Instances,
        Limit::OpenFiles,
        Limit::SystemMemory,
        Limit::ShutdownTimeout,
        Limit::Timeout,
        Limit::CpuTime,
    ];

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Limit::RouteRate => "route.requests_per_second",
            Limit::TenantRate => "tenant.requests_per_second",
            Limit::RouteQueue => "route.max_queue",
            Limit::TenantQueue => "tenant.max_queue",
            Limit::ServerQueue => "server.max_queue",
            Limit::QueueTimeout => "queue_timeout",
            Limit::Buffered => "max_buffered",
            Limit::TotalMemory => "max_memory_total",
            Limit::Instances => "instances",
            Limit::OpenFiles => "open_files",
            Limit::SystemMemory => "system_memory",
            Limit::ShutdownTimeout => "shutdown_timeout",
            Limit::Timeout => "timeout",
            Limit::CpuTime => "cpu_time",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl std::error::Error for Limit {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_place() {
        for (number, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, number);
        }
    }
}
