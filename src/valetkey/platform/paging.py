"""Pages of lists: how long one may be."""

PAGE_MAX = 100


def page_limit(asked: int) -> int:
    """What is asked for, but not more than a page holds."""
    return min(asked, PAGE_MAX)
