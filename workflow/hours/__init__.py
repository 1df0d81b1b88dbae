"""Working hours: calendars with zones and holidays, and moments so many working hours later."""
