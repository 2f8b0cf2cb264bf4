"""Questions over the three schemas, each with a query that answers it and a plausible one that does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A query to write.

    Attributes:
        tier: ``easy``, ``medium`` or ``hard``.
        schema: Key of ``schemas.SCHEMAS``; the cluster of the sample.
        text: What is asked, edge cases included.
        solution: The reference query.
        decoy: A plausible query that is wrong on some database.
    """

    tier: str
    schema: str
    text: str
    solution: str
    decoy: str


QUESTIONS = [
    Question("easy", "shop", "Which customers have no known city? Give their id and name, ordered by name and, for equal names, by id from the highest.",
        "SELECT id, name FROM customers WHERE city IS NULL ORDER BY name, id DESC",
        "SELECT id, name FROM customers WHERE city = NULL ORDER BY name, id DESC"),
    Question("easy", "shop", "How many products does each category have, and what does the dearest of them cost? Only products of 499 cents or more count.",
        "SELECT category, COUNT(*) AS products, MAX(price_cents) AS dearest FROM products WHERE price_cents >= 499 GROUP BY category",
        "SELECT category, COUNT(*) AS products, MAX(price_cents) AS dearest FROM products WHERE price_cents > 499 GROUP BY category"),
    Question("easy", "staff", "Who was absent in the first half of February 2025 (1st to 14th) for another known reason than leave? Give each name once.",
        "SELECT DISTINCT e.name FROM employees e JOIN absences a ON a.employee_id = e.id WHERE a.day >= '2025-02-01' AND a.day <= '2025-02-14' AND a.reason <> 'leave'",
        "SELECT DISTINCT e.name FROM employees e JOIN absences a ON a.employee_id = e.id WHERE a.day >= '2025-02-01' AND a.day <= '2025-02-14' AND (a.reason IS NULL OR a.reason <> 'leave')"),
    Question("easy", "meters", "For each sensor with readings: its id and the mean of its known values, for sensors whose mean is above 2.5.",
        "SELECT sensor_id, AVG(value) AS mean FROM readings GROUP BY sensor_id HAVING AVG(value) > 2.5",
        "SELECT sensor_id, SUM(value) / COUNT(*) AS mean FROM readings GROUP BY sensor_id HAVING SUM(value) / COUNT(*) > 2.5"),
    Question("medium", "shop", "What did each customer spend on paid orders? Give id, name and the sum in cents; customers without a paid item have 0.",
        "SELECT c.id, c.name, COALESCE(SUM(i.quantity * p.price_cents), 0) AS cents FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'paid' LEFT JOIN items i ON i.order_id = o.id LEFT JOIN products p ON p.id = i.product_id GROUP BY c.id, c.name",
        "SELECT c.id, c.name, SUM(i.quantity * p.price_cents) AS cents FROM customers c JOIN orders o ON o.customer_id = c.id JOIN items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id WHERE o.status = 'paid' GROUP BY c.id, c.name"),
    Question("medium", "shop", "Which products were never part of an order that was not cancelled? Give id and name.",
        "SELECT p.id, p.name FROM products p WHERE NOT EXISTS (SELECT 1 FROM items i JOIN orders o ON o.id = i.order_id WHERE i.product_id = p.id AND o.status <> 'cancelled')",
        "SELECT p.id, p.name FROM products p WHERE p.id NOT IN (SELECT product_id FROM items)"),
    Question("medium", "shop", "For each month (as 2025-01) with paid orders: the number of paid orders and of different customers who placed them, by month from the latest.",
        "SELECT substr(day, 1, 7) AS month, COUNT(*) AS orders, COUNT(DISTINCT customer_id) AS customers FROM orders WHERE status = 'paid' GROUP BY substr(day, 1, 7) ORDER BY month DESC",
        "SELECT substr(day, 1, 7) AS month, COUNT(*) AS orders, COUNT(customer_id) AS customers FROM orders WHERE status = 'paid' GROUP BY substr(day, 1, 7) ORDER BY month DESC"),
    Question("medium", "staff", "Which employees earn more than their manager? Give the employee's name, the manager's name and the difference.",
        "SELECT e.name, m.name AS manager, e.salary - m.salary AS difference FROM employees e JOIN employees m ON m.id = e.manager_id WHERE e.salary > m.salary",
        "SELECT e.name, m.name AS manager, e.salary - m.salary AS difference FROM employees e JOIN employees m ON e.id = m.manager_id WHERE e.salary > m.salary"),
    Question("medium", "staff", "For every department, also one without employees: its name, how many employees it has and how many of them earn 3500 or more.",
        "SELECT d.name, COUNT(e.id) AS employees, COUNT(CASE WHEN e.salary >= 3500 THEN 1 END) AS well_paid FROM departments d LEFT JOIN employees e ON e.department_id = d.id GROUP BY d.id, d.name",
        "SELECT d.name, COUNT(*) AS employees, COUNT(CASE WHEN e.salary >= 3500 THEN 1 END) AS well_paid FROM departments d LEFT JOIN employees e ON e.department_id = d.id GROUP BY d.id, d.name"),
    Question("medium", "staff", "Who was absent on at least three different days? Give id, name and the number of different days.",
        "SELECT e.id, e.name, COUNT(DISTINCT a.day) AS days FROM employees e JOIN absences a ON a.employee_id = e.id GROUP BY e.id, e.name HAVING COUNT(DISTINCT a.day) >= 3",
        "SELECT e.id, e.name, COUNT(a.day) AS days FROM employees e JOIN absences a ON a.employee_id = e.id GROUP BY e.id, e.name HAVING COUNT(a.day) > 3"),
    Question("medium", "meters", "For each place with readings: the number of readings without a value and the share of them among all its readings (0 to 1).",
        "SELECT s.place, SUM(r.value IS NULL) AS missing, AVG(r.value IS NULL) AS share FROM sensors s JOIN readings r ON r.sensor_id = s.id GROUP BY s.place",
        "SELECT s.place, SUM(r.value IS NULL) AS missing, SUM(r.value IS NULL) / COUNT(*) AS share FROM sensors s JOIN readings r ON r.sensor_id = s.id GROUP BY s.place"),
    Question("hard", "shop", "For each category the product (name) with the most pieces sold in orders that are not cancelled, and that number; products that share the first place all count. Categories that sold nothing are left out.",
        "WITH sold AS (SELECT p.category, p.name, SUM(i.quantity) AS pieces FROM products p JOIN items i ON i.product_id = p.id JOIN orders o ON o.id = i.order_id WHERE o.status <> 'cancelled' GROUP BY p.id, p.category, p.name) SELECT category, name, pieces FROM sold s WHERE pieces = (SELECT MAX(pieces) FROM sold t WHERE t.category = s.category)",
        "SELECT p.category, p.name, MAX(i.quantity) AS pieces FROM products p JOIN items i ON i.product_id = p.id JOIN orders o ON o.id = i.order_id WHERE o.status <> 'cancelled' GROUP BY p.category"),
    Question("hard", "shop", "List each paid order with its day and the days since the same customer's paid order before it (by day, then id), null for the first: customer_id, id, day, days. Order by customer_id, day, id.",
        "SELECT customer_id, id, day, julianday(day) - julianday(LAG(day) OVER (PARTITION BY customer_id ORDER BY day, id)) AS days FROM orders WHERE status = 'paid' ORDER BY customer_id, day, id",
        "SELECT customer_id, id, day, julianday(day) - julianday(LAG(day) OVER (ORDER BY day, id)) AS days FROM orders WHERE status = 'paid' ORDER BY customer_id, day, id"),
    Question("hard", "staff", "For each employee without a manager: the name and the number of all employees below them, directly or through others.",
        "WITH RECURSIVE below(top, id) AS (SELECT id, id FROM employees WHERE manager_id IS NULL UNION ALL SELECT b.top, e.id FROM employees e JOIN below b ON e.manager_id = b.id) SELECT t.name, COUNT(*) - 1 AS reports FROM below b JOIN employees t ON t.id = b.top GROUP BY b.top, t.name",
        "SELECT t.name, COUNT(e.id) AS reports FROM employees t LEFT JOIN employees e ON e.manager_id = t.id WHERE t.manager_id IS NULL GROUP BY t.id, t.name"),
    Question("hard", "staff", "The second highest salary of each department with at least two different salaries: department name and salary.",
        "SELECT d.name, s.salary FROM (SELECT DISTINCT department_id, salary, DENSE_RANK() OVER (PARTITION BY department_id ORDER BY salary DESC) AS place FROM employees) s JOIN departments d ON d.id = s.department_id WHERE s.place = 2",
        "SELECT d.name, s.salary FROM (SELECT department_id, salary, ROW_NUMBER() OVER (PARTITION BY department_id ORDER BY salary DESC) AS place FROM employees) s JOIN departments d ON d.id = s.department_id WHERE s.place = 2"),
    Question("hard", "meters", "For each sensor with readings: its id and the longest gap in hours between two readings that follow one another, null with a single one.",
        "SELECT sensor_id, MAX(gap) AS longest FROM (SELECT sensor_id, hour - LAG(hour) OVER (PARTITION BY sensor_id ORDER BY hour) AS gap FROM readings) g GROUP BY sensor_id",
        "SELECT sensor_id, MAX(hour) - MIN(hour) AS longest FROM readings GROUP BY sensor_id"),
    Question("hard", "meters", "List every reading of a heat sensor whose known value is above the mean of the known values of its own place (all kinds): sensor_id, hour, value.",
        "SELECT r.sensor_id, r.hour, r.value FROM readings r JOIN sensors s ON s.id = r.sensor_id WHERE s.kind = 'heat' AND r.value > (SELECT AVG(q.value) FROM readings q JOIN sensors t ON t.id = q.sensor_id WHERE t.place = s.place)",
        "SELECT r.sensor_id, r.hour, r.value FROM readings r JOIN sensors s ON s.id = r.sensor_id WHERE s.kind = 'heat' AND r.value > (SELECT AVG(q.value) FROM readings q JOIN sensors t ON t.id = q.sensor_id WHERE t.kind = 'heat')"),
]  # fmt: skip
