"""Memory that the processes of one machine share: counts and limits that outlive each of them."""
