create schema if not exists phoenix
