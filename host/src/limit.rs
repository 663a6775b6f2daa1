//! The limits that can leave no room for a request, or end it or its handler. Those that operators
//! set have the names that they set them by.

use crate::words::words;

words! {
    /// A limit that a request met. Its [`Display`](std::fmt::Display) is one stable word, the same in
    /// every log line and metric.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Limit {
        /// How often requests may come for the route.
        RouteRate = "route.requests_per_second",
        /// How often they may come for its tenant.
        TenantRate = "tenant.requests_per_second",
        /// How many requests for the route may wait.
        RouteQueue = "route.max_queue",
        /// How many may wait for its tenant.
        TenantQueue = "tenant.max_queue",
        /// How many may wait for the server.
        ServerQueue = "server.max_queue",
        /// How long a request may wait ([`Timeouts::queue`](crate::Timeouts::queue)).
        QueueTimeout = "queue_timeout",
        /// How many bytes all requests and answers may hold, or one tenant's of what others leave.
        Buffered = "max_buffered",
        /// How much memory all instances of the tenant may have.
        TotalMemory = "max_memory_total",
        /// How many instances the engine has room for
        /// ([`EngineOptions::instances`](crate::EngineOptions::instances)).
        Instances = "instances",
        /// How many descriptors the process may have, or may have for guests.
        OpenFiles = "open_files",
        /// How much memory the system has.
        SystemMemory = "system_memory",
        /// How long a server that stops serves those who are here.
        ShutdownTimeout = "shutdown_timeout",
        /// How long a handler may take.
        Timeout = "timeout",
        /// How long it may keep a processor busy.
        CpuTime = "cpu_time",
        /// How much memory its instance may have.
        Memory = "max_memory",
        /// How many elements its instance's tables may have.
        TableElements = "table_elements",
        /// How large its response may be.
        ResponseSize = "max_response_size",
        /// How long a client may take to send the head of its request.
        HeadTimeout = "head_timeout",
        /// How long it may take to send the body.
        BodyTimeout = "body_timeout",
    }
}

impl std::error::Error for Limit {}
