package reasonrec;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.hive.service.cli.CLIService;
import org.apache.hive.service.cli.HiveSQLException;
import org.apache.hive.service.cli.SessionHandle;
import org.apache.hive.service.cli.thrift.ThriftCLIService;
import org.apache.hive.service.rpc.thrift.TProtocolVersion;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.TableIdentifier;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableOrView;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableValuedFunction;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.command.ExplainCommand;
import org.apache.spark.sql.hive.thriftserver.HiveThriftServer2;
import org.apache.spark.sql.hive.thriftserver.SparkSQLCLIService;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Restricts an analyst's statements to queries over registered tables and views. Every rule is an allow list, so whatever
 * a later Spark adds is refused until somebody allows it.
 *
 * This is Java because Spark calls its parser inside the JVM, and the Thrift server's service is a class to extend.
 * libs.query.sql_server compiles it at startup with Janino, which Spark ships for its own generated code: a JRE is enough.
 */
public class ReadOnly {
  /** Plan nodes of a parsed query. Left out: commands, TRANSFORM (it runs a shell command), IDENTIFIER(). */
  private static final Set QUERY = words(
      "Aggregate Distinct Except Filter Generate GlobalLimit Intersect Join LateralJoin LocalLimit LocalRelation Offset"
      + " OneRowRelation Pivot Project Sample Sort SubqueryAlias Union Unpivot UnresolvedHaving UnresolvedHint"
      + " UnresolvedInlineTable UnresolvedRelation UnresolvedSubqueryColumnAliases UnresolvedTableValuedFunction"
      + " UnresolvedTVFAliases UnresolvedWith WithWindowDefinition");
  /** Statements with which a BI tool browses schemas and tables. */
  private static final Set METADATA = words(
      "DescribeColumn DescribeFunction DescribeRelation ExplainCommand SetCatalogAndNamespace SetNamespaceCommand"
      + " ShowColumns ShowFunctions ShowNamespaces ShowNamespacesCommand ShowTables ShowViews");
  private static final Set METADATA_TARGETS = words(
      "CurrentNamespace ResolvedNamespace UnresolvedFunctionName UnresolvedNamespace UnresolvedTableOrView");
  /** Allowed table-valued functions. Delta's own (table_changes_by_path) could read any path. */
  private static final Set TABLE_FUNCTIONS = words("explode explode_outer inline inline_outer json_tuple posexplode"
      + " posexplode_outer range sql_keywords stack");

  private static Set words(String text) {
    return new HashSet(Arrays.asList(text.split(" ")));
  }

  /** Guards every session created from this session's extensions from now on; `before` is called with each statement. */
  public void guard(org.apache.spark.sql.classic.SparkSession session, Set schemas, Consumer before) {
    session.extensions().injectParser(new Guarding(schemas, before));
  }

  /** Makes a running server ignore the settings a client sends when it opens a session: confs and JVM properties. */
  public void closeSettings(HiveThriftServer2 server, SparkSession session) throws Exception {
    CLIService original = null;
    ThriftCLIService port = null;
    for (Object service : server.getServices()) {
      if (service instanceof CLIService) {
        original = (CLIService) service;
      } else if (service instanceof ThriftCLIService) {
        port = (ThriftCLIService) service;
      }
    }
    SettingsIgnored closed = new SettingsIgnored(server, session);
    // Spark's class sets its inherited fields by reflection exactly one level up, so a subclass cannot run its init.
    // Copy the fields of the initialised service instead.
    for (Class kind = SparkSQLCLIService.class; kind != Object.class; kind = kind.getSuperclass()) {
      for (Field field : kind.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers())) {
          field.setAccessible(true);
          field.set(closed, field.get(original));
        }
      }
    }
    Field field = ThriftCLIService.class.getDeclaredField("cliService");
    field.setAccessible(true);
    field.set(port, closed);
  }

  public static class Guarding extends scala.runtime.AbstractFunction2 {
    private final Set schemas;
    private final Consumer before;

    public Guarding(Set schemas, Consumer before) {
      this.schemas = schemas;
      this.before = before;
    }

    public Object apply(Object session, Object parser) {
      return new Parser((ParserInterface) parser, schemas, before);
    }
  }

  public static class SettingsIgnored extends SparkSQLCLIService {
    public SettingsIgnored(HiveThriftServer2 server, SparkSession session) {
      super(server, session);
    }

    public SessionHandle openSession(TProtocolVersion protocol, String user, String password, String address,
        Map settings) throws HiveSQLException {
      return super.openSession(protocol, user, password, address, schemaOnly(settings));
    }

    public SessionHandle openSessionWithImpersonation(TProtocolVersion protocol, String user, String password,
        String address, Map settings, String token) throws HiveSQLException {
      return super.openSessionWithImpersonation(protocol, user, password, address, schemaOnly(settings), token);
    }

    private static Map schemaOnly(Map settings) {
      Map kept = new HashMap();
      if (settings != null && settings.containsKey("use:database")) {
        kept.put("use:database", settings.get("use:database"));
      }
      return kept;
    }
  }

  public static class Parser implements ParserInterface {
    private final ParserInterface parser;
    private final Set schemas;
    private final Consumer before;

    public Parser(ParserInterface parser, Set schemas, Consumer before) {
      this.parser = parser;
      this.schemas = schemas;
      this.before = before;
    }

    public LogicalPlan parsePlan(String text) throws ParseException {
      LogicalPlan plan = parser.parsePlan(text);
      check(plan, true);
      before.accept(text);
      return plan;
    }

    /** Spark parses the text of a view with this method. */
    public LogicalPlan parseQuery(String text) throws ParseException {
      LogicalPlan plan = parser.parseQuery(text);
      check(plan, false);
      return plan;
    }

    private void check(LogicalPlan plan, boolean top) {
      String kind = plan.getClass().getSimpleName().replace("$", "");
      boolean metadata = top && METADATA.contains(kind);
      if (!metadata && !QUERY.contains(kind) && !METADATA_TARGETS.contains(kind)) {
        throw new UnsupportedOperationException("read only: " + kind + " is not allowed, only queries are");
      }
      if (plan instanceof UnresolvedRelation) {
        UnresolvedRelation relation = (UnresolvedRelation) plan;
        if (!relation.options().isEmpty() || relation.isStreaming()) { // WITH ('path' = ...)
          throw new UnsupportedOperationException("read only: reading a table with options is not allowed");
        }
        checkName(relation.multipartIdentifier());
      } else if (plan instanceof UnresolvedTableOrView) {
        checkName(((UnresolvedTableOrView) plan).multipartIdentifier());
      } else if (plan instanceof UnresolvedTableValuedFunction) {
        List name = list(((UnresolvedTableValuedFunction) plan).name());
        if (name.size() != 1 || !TABLE_FUNCTIONS.contains(((String) name.get(0)).toLowerCase(Locale.ROOT))) {
          throw new UnsupportedOperationException("read only: the table function " + name + " is not allowed");
        }
      }
      if (plan instanceof ExplainCommand) {
        check(((ExplainCommand) plan).logicalPlan(), false);
        return;
      }
      checkAll(plan.children());
      checkAll(plan.subqueries());
      if (kind.equals("UnresolvedWith")) {
        checkAll(plan.innerChildren());
      }
    }

    private void checkAll(scala.collection.Seq plans) {
      for (Object plan : list(plans)) {
        check((LogicalPlan) plan, false);
      }
    }

    /**
     * A name of one part is a CTE or a table of the current schema. In a name of two parts the first must be a schema:
     * Spark would also take a file format there.
     */
    private void checkName(scala.collection.Seq parts) {
      List name = list(parts);
      if (name.size() == 3 && name.get(0).equals("spark_catalog")) {
        name = name.subList(1, 3);
      }
      if (name.size() > 2 || (name.size() == 2 && !schemas.contains(((String) name.get(0)).toLowerCase(Locale.ROOT)))) {
        throw new UnsupportedOperationException("read only: " + name + " is not a table of the warehouse");
      }
    }

    private static List list(scala.collection.Seq seq) {
      return CollectionConverters.asJava(seq);
    }

    public Expression parseExpression(String text) throws ParseException {
      return parser.parseExpression(text);
    }

    public TableIdentifier parseTableIdentifier(String text) throws ParseException {
      return parser.parseTableIdentifier(text);
    }

    public FunctionIdentifier parseFunctionIdentifier(String text) throws ParseException {
      return parser.parseFunctionIdentifier(text);
    }

    public scala.collection.immutable.Seq parseMultipartIdentifier(String text) throws ParseException {
      return parser.parseMultipartIdentifier(text);
    }

    public StructType parseRoutineParam(String text) throws ParseException {
      return parser.parseRoutineParam(text);
    }

    public StructType parseTableSchema(String text) throws ParseException {
      return parser.parseTableSchema(text);
    }

    public DataType parseDataType(String text) throws ParseException {
      return parser.parseDataType(text);
    }
  }
}
