"""The pages' shell: sign-in, home, navigation, accounts, audit log, and the design system other pages extend."""
