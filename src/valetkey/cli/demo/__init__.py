"""The demo: owner, delegate and seller in processes of their own, a conductor, and the figures at the end."""
