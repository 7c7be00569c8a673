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
 * What an analyst's statement may be: a question over registered names, and nothing else. Everything is a list of what is
 * allowed, so what a later Spark adds is refused until somebody allows it.
 *
 * In Java because Spark asks its parser inside the JVM, and a server's front is a class to extend. libs.query.sql_server
 * has it compiled at the start by Janino, which Spark ships for its own generated code: a JRE is enough.
 */
public class ReadOnly {
  /** Nodes of a question as the parser gives it. Not among them: commands, TRANSFORM (it runs a shell), IDENTIFIER(). */
  private static final Set QUERY = words(
      "Aggregate Distinct Except Filter Generate GlobalLimit Intersect Join LateralJoin LocalLimit LocalRelation Offset"
      + " OneRowRelation Pivot Project Sample Sort SubqueryAlias Union Unpivot UnresolvedHaving UnresolvedHint"
      + " UnresolvedInlineTable UnresolvedRelation UnresolvedSubqueryColumnAliases UnresolvedTableValuedFunction"
      + " UnresolvedTVFAliases UnresolvedWith WithWindowDefinition");
  /** Statements by which a tool looks around. */
  private static final Set LOOK = words(
      "DescribeColumn DescribeFunction DescribeRelation ExplainCommand SetCatalogAndNamespace SetNamespaceCommand"
      + " ShowColumns ShowFunctions ShowNamespaces ShowNamespacesCommand ShowTables ShowViews");
  private static final Set LOOKED_AT = words(
      "CurrentNamespace ResolvedNamespace UnresolvedFunctionName UnresolvedNamespace UnresolvedTableOrView");
  /** Functions that make rows; Delta's own (table_changes_by_path) read any path. */
  private static final Set ROWS = words("explode explode_outer inline inline_outer json_tuple posexplode"
      + " posexplode_outer range sql_keywords stack");

  private static Set words(String text) {
    return new HashSet(Arrays.asList(text.split(" ")));
  }

  /** Guards every session that is made from this one's extensions from now on; `before` hears each statement. */
  public void guard(org.apache.spark.sql.classic.SparkSession session, Set schemas, Consumer before) {
    session.extensions().injectParser(new Guarding(schemas, before));
  }

  /** Has a running server open its sessions without what the client wants set: confs, and the JVM's own properties. */
  public void closeSettings(HiveThriftServer2 server, SparkSession session) throws Exception {
    CLIService asked = null;
    ThriftCLIService port = null;
    for (Object service : server.getServices()) {
      if (service instanceof CLIService) {
        asked = (CLIService) service;
      } else if (service instanceof ThriftCLIService) {
        port = (ThriftCLIService) service;
      }
    }
    Asked closed = new Asked(server, session);
    // Spark's own class sets what it inherits by reflection, one level up: a class below it cannot be initialised.
    for (Class kind = SparkSQLCLIService.class; kind != Object.class; kind = kind.getSuperclass()) {
      for (Field field : kind.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers())) {
          field.setAccessible(true);
          field.set(closed, field.get(asked));
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

  public static class Asked extends SparkSQLCLIService {
    public Asked(HiveThriftServer2 server, SparkSession session) {
      super(server, session);
    }

    public SessionHandle openSession(TProtocolVersion protocol, String user, String password, String address,
        Map settings) throws HiveSQLException {
      return super.openSession(protocol, user, password, address, schema(settings));
    }

    public SessionHandle openSessionWithImpersonation(TProtocolVersion protocol, String user, String password,
        String address, Map settings, String token) throws HiveSQLException {
      return super.openSessionWithImpersonation(protocol, user, password, address, schema(settings), token);
    }

    private static Map schema(Map settings) {
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

    /** A view's text comes this way. */
    public LogicalPlan parseQuery(String text) throws ParseException {
      LogicalPlan plan = parser.parseQuery(text);
      check(plan, false);
      return plan;
    }

    private void check(LogicalPlan plan, boolean top) {
      String kind = plan.getClass().getSimpleName().replace("$", "");
      boolean look = top && LOOK.contains(kind);
      if (!look && !QUERY.contains(kind) && !LOOKED_AT.contains(kind)) {
        throw new UnsupportedOperationException("read only: " + kind + " is not answered here, only questions are");
      }
      if (plan instanceof UnresolvedRelation) {
        UnresolvedRelation relation = (UnresolvedRelation) plan;
        if (!relation.options().isEmpty() || relation.isStreaming()) { // WITH ('path' = ...)
          throw new UnsupportedOperationException("read only: a table is read without options");
        }
        named(relation.multipartIdentifier());
      } else if (plan instanceof UnresolvedTableOrView) {
        named(((UnresolvedTableOrView) plan).multipartIdentifier());
      } else if (plan instanceof UnresolvedTableValuedFunction) {
        List name = list(((UnresolvedTableValuedFunction) plan).name());
        if (name.size() != 1 || !ROWS.contains(((String) name.get(0)).toLowerCase(Locale.ROOT))) {
          throw new UnsupportedOperationException("read only: the function " + name + " is not answered here");
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

    /** A name of one part is a CTE's or lies in the current schema; of two, the first must be a schema, not a format. */
    private void named(scala.collection.Seq parts) {
      List name = list(parts);
      if (name.size() == 3 && name.get(0).equals("spark_catalog")) {
        name = name.subList(1, 3);
      }
      if (name.size() > 2 || (name.size() == 2 && !schemas.contains(((String) name.get(0)).toLowerCase(Locale.ROOT)))) {
        throw new UnsupportedOperationException("read only: " + name + " is no table of the warehouse");
      }
    }

    private static List list(scala.collection.Seq found) {
      return CollectionConverters.asJava(found);
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
