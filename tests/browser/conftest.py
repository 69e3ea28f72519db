"""A real browser, where there is one: Chromium, headless."""

import pytest
from helpers import browsing


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives a browser, is not installed")
    with api.sync_playwright() as driver:
        try:
            found = driver.chromium.launch(executable_path=browsing.chromium(), args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(
                f"no browser here: none of {', '.join(browsing.NAMES)}, and playwright has none ({str(error)[:60]})"
            )
        yield found
        found.close()


@pytest.fixture
def tab(browser):
    """A function that opens an empty tab. After the test none of them has said an error, nor asked for anything outside
    the folder of its page; `tab.log` and `tab.asked` are what it said and asked for."""
    opened = []

    def open_tab(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        made = context.new_page()
        made.log, made.asked = [], []
        made.on("console", lambda message: made.log.append(message.text))
        made.on("pageerror", lambda error: made.log.append(str(error)))
        made.on("dialog", lambda dialog: (made.log.append(dialog.message), dialog.dismiss()))
        made.on("request", lambda request: made.asked.append(request.url))
        opened.append(made)
        return made

    yield open_tab
    for made in opened:
        said, asked = made.log, made.asked
        made.context.close()
        assert said == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in asked), asked


@pytest.fixture
def explorer(tab):
    """The explorer in a tab of its own."""
    return browsing.Explorer(tab())


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """The page of a made-up run, with its tables beside it."""
    return browsing.study(tmp_path_factory.mktemp("run"))
