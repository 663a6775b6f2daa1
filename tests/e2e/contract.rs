//! Every row of what picohttp promises its handlers and its clients.

use anyhow::Result;
use picohttp_tests::guests::plugin;
use picohttp_tests::host::Host;

#[test]
fn the_first_example_works() -> Result<()> {
    let host = Host::of(plugin("hello")?)?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    assert_eq!(host.get("/goodbye")?.text(), "Goodbye cruel world");
    assert_eq!(host.get("/anything")?.status, 404);
    Ok(())
}
