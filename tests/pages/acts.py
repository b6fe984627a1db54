"""What a test does on any page."""


def click(at, label):
    (button,) = [b for b in at.button if b.label == label]
    button.click()
    at.run()
    assert not at.exception, at.exception[0].message
    return at
