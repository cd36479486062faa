"""What people read: amounts, times, policies and statuses in words. Pure."""
