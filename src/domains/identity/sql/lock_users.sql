-- Start-up only: of servers that start at once, one at a time looks for accounts and makes the first.
lock table phoenix.users in share row exclusive mode
