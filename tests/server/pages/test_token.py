from osrmac.storage.run import Run
from tests.server.conftest import PLAIN, Serve, site_of

TOKEN = "0123456789abcdef"


def test_the_form_lets_in_whoever_has_the_token(serve: Serve, written: Run) -> None:
    client = serve(written, TOKEN)
    asked = client.get("/token")
    assert (asked.status_code, 'type="password"' in asked.text) == (401, True)
    assert site_of(client).name not in asked.text
    for wrong in ({}, {"token": ""}, {"token": "x"}, {"token": TOKEN + "0"}):
        answer = client.post("/token", data=wrong)
        assert (answer.status_code, "This is not the token." in answer.text) == (401, True)
    assert client.get("/images").status_code == 303
    answer = client.post("/token", data={"token": f" {TOKEN} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get(f"/search?id={PLAIN[0]}").status_code == 200
