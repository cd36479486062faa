"""Who may call what, as a real platform answers it: every endpoint asked with every kind of credential.

`stages` has what is asked about, `kinds` the credentials, `playing` the asking and `page` what is told of it.
"""
