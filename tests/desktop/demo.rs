//! The first minute with nothing installed: the demo fleet, by the keyboard alone.

use lab::window::{ENTER, Launch, Window};

#[tokio::test]
async fn an_edited_error_ratio_opens_a_breaker_on_the_topology_and_its_undo_closes_it() {
    let window = Window::open(Launch::default()).await;
    window.find("button", "Start the demo fleet").await;
    window.press_control('k').await;
    window.press("demo fleet").await;
    window.find("option", "Start the demo fleet").await;
    window.press(ENTER).await;
    // What is looked for may join the picture after it was typed.
    window.press("/").await;
    window.focus_is("combobox", "Name").await;
    window.press("payments").await;
    window.find("option", "payments demo").await;
    window.press(ENTER).await;
    window.find("complementary", "Inspector: payments").await;
    window.press("/").await;
    window.press("payments/error_ratio").await;
    window.find("option", "fleet/payments/error_ratio").await;
    window.press(ENTER).await;
    window.focus_is("textbox", "Value of fleet/payments/error_ratio").await;
    window.press_control('a').await;
    window.press("0.6").await;
    window.press_control_enter().await;
    window.shows("cas = ").await;
    window.press_control_enter().await;
    window.shows("Verified").await;
    window.click("button", "Breakers").await;
    window.find("row", "open").await;
    window.click("button", "Health").await;
    window.shows("payments").await;
    window.press_control('z').await;
    window.shows("cas = ").await;
    window.press_control_enter().await;
    window.click("button", "Breakers").await;
    window.await_script(
        "all breakers closed",
        "return [...document.querySelectorAll('[role=row]')].every((row) => !/\\b(half-open|open)\\b/.test(row.getAttribute('aria-label') ?? ''))",
    )
    .await;
    window.close().await;
}
