import json

from core.training.lineage import tell_once


def run(name, sha256=None, teachers=()):
    record = {"run": name, "epochs": 1, "command": f"train {name}"}
    if sha256:
        record["sha256"] = sha256
    if teachers:
        record["teachers"] = [{"name": f"the {t[0]['run']}", "runs": t} for t in teachers]
    return record


def test_a_run_is_told_in_full_once_and_named_elsewhere():
    first, other = run("first"), run("other", "abc")
    earlier, teachers = tell_once(
        [run("second", "def", [[other, first]]), first],
        [{"name": "the other", "runs": [other, first]}],
    )
    assert earlier[1] == first
    assert teachers[0]["runs"] == [other, {"run": "first", "command": "train first"}]
    assert earlier[0]["teachers"][0]["runs"] == [
        {"run": "other", "sha256": "abc"},
        {"run": "first", "command": "train first"},
    ]


def test_what_an_older_card_names_alone_is_told_where_it_comes_first():
    """The only full record lies below one that is dropped as a repetition."""
    first, named = run("first", "abc"), {"run": "first", "sha256": "abc"}
    a, b = run("a", "aaa", [[named]]), run("a", "aaa", [[first]])
    earlier, teachers = tell_once([a], [{"name": "the a", "runs": [b]}])
    assert earlier[0]["teachers"][0]["runs"] == [first]
    assert teachers[0]["runs"] == [{"run": "a", "sha256": "aaa"}]
    assert tell_once(earlier, teachers) == (earlier, teachers)


def test_networks_that_teach_each_other_do_not_double_the_card():
    sizes, one, two = [], [run("one", "1")], [run("two", "2")]
    for number in range(3, 12):
        teachers = [{"name": "the one", "runs": one}, {"name": "the two", "runs": two}]
        earlier, taught = tell_once(one, teachers)
        sizes.append(len(json.dumps([earlier, taught])))
        new = {**run("one", str(number)), "teachers": taught}
        one, two = [new, *earlier], one
    # Four publications more, each told by both; in full they would have grown sixteenfold.
    assert sizes[-1] < 3 * sizes[-5]
