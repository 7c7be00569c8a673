-- What an analyst may not do on the SQL server: one statement a line. samples/sql_demo.py and the tests try each.
-- {path}: the folder of results.releases; {out}: a folder that must not come to be.
INSERT INTO results.releases SELECT * FROM results.releases
INSERT INTO delta.`{path}` SELECT * FROM results.releases
DELETE FROM results.releases
UPDATE results.releases SET status='x'
MERGE INTO results.releases a USING results.releases b ON a.shop=b.shop WHEN MATCHED THEN DELETE
DROP TABLE results.releases
DROP VIEW current_release
DROP SCHEMA results CASCADE
TRUNCATE TABLE results.releases
ALTER TABLE results.releases SET TBLPROPERTIES ('a'='b')
CREATE TABLE x (a int) USING parquet LOCATION '{out}'
CREATE TABLE x USING csv AS SELECT 1
CREATE TEMP VIEW v AS SELECT 1
CREATE TEMP VIEW v USING csv OPTIONS (path '/etc/passwd')
CREATE FUNCTION f AS 'x.Y'
CREATE TEMPORARY FUNCTION f AS 'x.Y' USING JAR '/tmp/x.jar'
SET spark.sql.warehouse.dir=/tmp
SET fs.defaultFS=file:///tmp
SET
SET -v
RESET
ADD JAR /tmp/x.jar
ADD FILE /etc/passwd
LIST JARS
LOAD DATA INPATH '{out}' INTO TABLE results.releases
INSERT OVERWRITE DIRECTORY '{out}' USING csv SELECT 1
INSERT OVERWRITE LOCAL DIRECTORY '{out}' SELECT 1
FROM results.releases INSERT INTO results.pins SELECT *
WITH a AS (SELECT * FROM results.releases) INSERT INTO results.releases SELECT * FROM a
OPTIMIZE results.releases
VACUUM results.releases RETAIN 0 HOURS
RESTORE TABLE results.releases TO VERSION AS OF 0
DESCRIBE HISTORY delta.`{path}`
DESCRIBE DETAIL '{path}'
DESCRIBE csv.`/etc/passwd`
CONVERT TO DELTA parquet.`/tmp/x`
CREATE TABLE y SHALLOW CLONE results.releases
SELECT * FROM csv.`/etc/passwd`
SELECT * FROM text.`/etc/passwd`
SELECT * FROM delta.`{path}`
SELECT (SELECT first(value) FROM text.`/etc/passwd`)
SELECT 1 WHERE EXISTS (SELECT 1 FROM text.`/etc/passwd`)
WITH a AS (SELECT * FROM text.`/etc/passwd`) SELECT * FROM a
SELECT * FROM VALUES (1) AS t(x), LATERAL (SELECT * FROM text.`/etc/passwd`)
TABLE text.`/etc/passwd`
SELECT * FROM IDENTIFIER('text.`/etc/passwd`')
SELECT * FROM results.`/etc/passwd`
SELECT * FROM table_changes_by_path('{path}', 0)
SELECT reflect('java.lang.System', 'getenv', 'HOME')
SELECT java_method('java.lang.System', 'getProperty', 'user.dir')
SELECT try_reflect('java.lang.System', 'getProperty', 'user.dir')
SELECT IDENTIFIER('reflect')('java.lang.System', 'getProperty', 'user.dir')
SELECT TRANSFORM(1) USING 'cat /etc/passwd' AS (x)
SELECT * FROM (SELECT TRANSFORM(shop) USING 'touch {out}' AS (x) FROM results.releases)
FROM results.releases MAP shop USING 'id' AS x
EXECUTE IMMEDIATE 'DROP TABLE results.releases'
DECLARE x = 1
SET VAR x = 2
CALL x.y()
CACHE TABLE results.releases
UNCACHE TABLE results.releases
CLEAR CACHE
REFRESH TABLE results.releases
REFRESH '/tmp'
ANALYZE TABLE results.releases COMPUTE STATISTICS
MSCK REPAIR TABLE results.releases
COMMENT ON TABLE results.releases IS 'x'
BEGIN DROP TABLE results.releases; END
EXPLAIN INSERT INTO results.releases SELECT * FROM results.releases
EXPLAIN SELECT * FROM text.`/etc/passwd`
SELECT * FROM results.releases VERSION AS OF 0
SELECT * FROM results.pins WITH (path = '/etc/passwd')
SELECT * FROM spark_catalog.csv.`/etc/passwd`
SELECT * FROM STREAM(results.releases)
