#!/bin/bash
# In the test machine: tables.sh make COUNT | open — many small InnoDB tables, and all of them in the table cache again,
# which every FLUSH empties.
set -euo pipefail

case $1 in
make)
    for ((n = 0; n < $2; n++)); do
        echo "CREATE TABLE t$n (id INT PRIMARY KEY) ENGINE=InnoDB;"
    done >/run/bench-tables.sql
    for ((n = 0; n < $2; n++)); do
        echo "DO (SELECT MAX(id) FROM t$n);"
    done >/run/bench-open.sql
    mariadb -e "CREATE DATABASE IF NOT EXISTS many; SET GLOBAL table_open_cache = $2 + 1000;
        SET GLOBAL table_definition_cache = $2 + 1000"
    mariadb many </run/bench-tables.sql
    ;;
open) mariadb many </run/bench-open.sql ;;
esac
