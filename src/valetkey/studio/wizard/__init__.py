"""Making a session step by step: a draft, what it means, the making of it, and the handing over. Pages: pages/."""
